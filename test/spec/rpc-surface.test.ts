import { DurableObject } from "cloudflare:workers";
import { expect, test } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { ProductsChannel } from "../../src/channels/products/products-channel.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";

/**
 * RPC exposes every property of a class's prototypes, TypeScript's `private` and `protected` ones included, and no
 * instance field. So what a caller can reach is what these prototypes hold.
 */

const PLATFORM_HANDLERS = ["alarm", "fetch", "webSocketClose", "webSocketError", "webSocketMessage"];
const CHANNEL = ["countListeners", "declareGap", "deliver", "disconnect", "usage"];

function exposedBy(object: typeof OrderChannel | typeof ProductsChannel | typeof ProductsShard): string[] {
  const names = new Set<string>();
  for (let proto = object.prototype; proto !== DurableObject.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.getOwnPropertyNames(proto)) names.add(name);
  }
  names.delete("constructor");
  return [...names].sort();
}

test("an order's object exposes its contract and nothing else", () => {
  const order = ["adopt", "ensureTicketGeneration", "erase", "register", "snapshot"];
  expect(exposedBy(OrderChannel)).toEqual([...PLATFORM_HANDLERS, ...CHANNEL, ...order].sort());
});

test("the products object exposes its contract and nothing else", () => {
  expect(exposedBy(ProductsChannel)).toEqual([...PLATFORM_HANDLERS, ...CHANNEL, "join", "report"].sort());
});

test("a shard exposes its contract and nothing else", () => {
  const contract = ["countListeners", "disconnect", "take", "usage"];
  expect(exposedBy(ProductsShard)).toEqual([...PLATFORM_HANDLERS, ...contract].sort());
});
