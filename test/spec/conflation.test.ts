import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { stopClock } from "../support/clock.ts";
import { holdPauses } from "../support/pauses.ts";
import { connect, listen, productsObject, publish, registerOrder, serviceRequest } from "../support/service.ts";
import type { Frame, TestSocket } from "../support/test-socket.ts";
import { mintToken } from "../support/tokens.ts";

/** `?conflate=1`: of the stock levels and prices that are sent together, only the newest of each product is. */

const open: TestSocket[] = [];
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of open.splice(0)) socket.close();
});

async function listenWith(
  query: Record<string, string | string[]>,
  speaksV1 = false,
): Promise<[TestSocket, Frame["data"]]> {
  const token = await mintToken();
  const headers: Record<string, string> = speaksV1 ? { "Sec-WebSocket-Protocol": `tidings.v1, bearer.${token}` } : {};
  const socket = await connect("products", speaksV1 ? { query, headers } : { query, token });
  open.push(socket);
  return [socket, (await socket.frame()).data];
}

let product = 0;
const newProduct = () => `conflated-${++product}`;
const event = (type: string, product_id: string, n: number) => {
  const data: Record<string, unknown> = { product_id, n };
  if (type === "inventory_updated") data.new_quantity = n;
  if (type === "price_updated") data.new_price = n;
  return { type, data };
};

async function publishBatch(events: { type: string; data: Record<string, unknown> }[]): Promise<number[]> {
  const body = { events: events.map((event) => ({ ...event, channel: "products" })) };
  const response = await serviceRequest("POST", "/api/v1/publish/batch", body);
  const { results } = await response.json<{ results: { seq: number; receivers: number }[] }>();
  return results.map(({ receivers }) => receivers);
}

/** The `n` of the events in messages. */
const numbersIn = (texts: string[]) =>
  texts.flatMap((text) => ([JSON.parse(text)].flat() as Frame[]).map(({ data }) => data.n));

const mixed = (a: string, b: string) => [
  event("inventory_updated", a, 1),
  event("price_updated", a, 2),
  event("inventory_updated", b, 3),
  event("product_updated", a, 4),
  event("inventory_updated", a, 5),
  event("price_updated", a, 6),
  event("product_updated", a, 7),
  event("inventory_updated", a, 8),
];
const NEWEST = [3, 4, 6, 7, 8];

describe("a client that conflates is sent, of events that leave together, only the newest of each product:", () => {
  test.each([false, true])("of a batch (tidings.v1: %s), and others are sent all", async (speaksV1) => {
    const [socket] = await listenWith({ conflate: "1" }, speaksV1);
    const [other] = await listenWith({ conflate: "0" }, speaksV1);
    const receivers = await publishBatch(mixed(newProduct(), newProduct()));
    expect(numbersIn(await socket.settle())).toEqual(NEWEST);
    expect(numbersIn(await other.settle())).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(receivers).toEqual(Array(8).fill(2));
  });

  test.each([false, true])("of what it missed (tidings.v1: %s), also after hibernation", async (speaksV1) => {
    const [, { epoch, seq }] = await listenWith({});
    const [a, b] = [newProduct(), newProduct()];
    for (const one of mixed(a, b)) await publish("products", one);
    const query = { since: String(seq), epoch: String(epoch), conflate: "1", product_id: [a, b] };
    const [socket, { resumed }] = await listenWith(query, speaksV1);
    expect(resumed).toBe(true);
    expect(numbersIn(await socket.settle())).toEqual(NEWEST);
    await evictDurableObject(productsObject());
    await publishBatch(mixed(a, b));
    expect(numbersIn(await socket.settle())).toEqual(NEWEST);
  });

  test("of what waited for the next message", async () => {
    stopClock();
    const release = holdPauses();
    const [socket] = await listenWith({ conflate: "1" }, true);
    const [a, b] = [newProduct(), newProduct()];
    for (let n = 0; n < 4; n++) await publish("products", event("inventory_updated", a, n));
    expect(numbersIn(await socket.settle())).toEqual([0, 1, 2, 3]);
    for (const one of mixed(a, b)) await publish("products", one);
    release();
    expect(numbersIn([await socket.text()])).toEqual(NEWEST);
  });

  test("by itself, every event is sent", async () => {
    const [socket] = await listenWith({ conflate: "1" });
    const id = newProduct();
    for (let n = 0; n < 6; n++) await publish("products", event("price_updated", id, n));
    expect(numbersIn(await socket.settle())).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

test.each(["", "true", "2", "01", "1,1", "1&conflate=1", "0&conflate=1", "%201"])(
  "conflate=%s closes with 4005",
  async (value) => {
    const values = value.split("&conflate=").map(decodeURIComponent);
    const socket = await connect("products", { token: await mintToken(), query: { conflate: values } });
    expect(await socket.closed()).toEqual({ code: 4005, reason: "Protocol error" });
  },
);

test("an order's socket has no such parameter", async () => {
  const socket = await listen(`orders/${await registerOrder()}`, {
    token: await mintToken(),
    query: { conflate: "x" },
  });
  open.push(socket);
  expect(await socket.settle()).toEqual([]);
});
