import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { ProductsChannel } from "../../../src/channels/products/products-channel.ts";
import type { ProductsShard } from "../../../src/channels/products/shards/products-shard.ts";
import { type Region, shardName } from "../../../src/protocol/shards.ts";
import { eventually } from "../eventually.ts";
import { type ConnectOptions, connect, productsObject } from "../service.ts";
import type { Frame, TestSocket } from "../test-socket.ts";
import { mintToken } from "../tokens.ts";

/** The products channel inside workerd, with its shards. */

/** Continents whose clients the Worker places in one region, whatever their longitude. */
export const CONTINENTS = ["EU", "AS", "SA", "AF"] as const;
export type Continent = (typeof CONTINENTS)[number];
export const REGION_OF: Record<Continent, Region> = { EU: "weur", AS: "apac", SA: "sam", AF: "afr" };

export const shardObject = (continent: Continent, index: number) =>
  env.PRODUCTS_SHARD.getByName(shardName(REGION_OF[continent], index));

/** Runs an action inside an object, which may have been killed a moment ago. */
export const atRoot = <R>(action: (root: ProductsChannel, state: DurableObjectState) => R): Promise<R> =>
  runInDurableObject<ProductsChannel, R>(asObject(productsObject()), action);

export const atShard = <R>(
  stub: unknown,
  action: (shard: ProductsShard, state: DurableObjectState) => R | Promise<R>,
): Promise<R> => runInDurableObject<ProductsShard, R>(asObject(stub), action);

/** Sets `PRODUCTS_SHARDS`, as a deploy does: the root wakes with it. */
export async function setShards(productsShards: number | "auto"): Promise<void> {
  await atRoot((root) => Object.assign(root.core.config, { productsShards }));
  await evict(productsObject());
}

/** Hibernates an object that is running; its sockets stay open, or close as when a deploy restarts it. */
export async function evict(stub: unknown, webSockets: "hibernate" | "close" = "hibernate"): Promise<void> {
  await evictDurableObject(asObject(stub), { webSockets }).catch(() => {
    // Only an object that has run since the last eviction can be evicted.
  });
}

/** Ends an object without warning, as the platform may; its sockets close. */
export async function kill(stub: unknown): Promise<void> {
  await runInDurableObject(asObject(stub), (_, state) => state.abort("it dies for a test")).catch(() => {});
}

/** Ends the registration of all shards, whose listeners are gone or about to be. @param perRegion Those of each region. */
export async function forgetShards(perRegion: number): Promise<void> {
  const shards = CONTINENTS.flatMap((continent) =>
    Array.from({ length: perRegion }, (_, index) => shardObject(continent, index)),
  );
  await eventually(async () => {
    // Without listeners and memory, a shard needs no events. A root without memory asks all of them.
    for (const object of [...shards, productsObject()]) await evict(object);
    await atRoot(({ core }) => core.fanOut?.maintain(Date.now()));
    expect(await registeredShards()).toEqual([]);
  });
}

/** The names of the shards that the root pushes to. */
export async function registeredShards(): Promise<string[]> {
  const text = await atRoot(({ core }) => core.storage.read("SELECT value FROM state WHERE name = 'shards'")[0]?.value);
  return text === undefined ? [] : JSON.parse(String(text)).names;
}

interface Place extends ConnectOptions {
  continent?: Continent;
  user?: string;
  speaksV1?: boolean;
  products?: string[];
}

/** Opens a socket of a client on a continent. @returns It, and the `data` of its first frame. */
export async function listenFrom({
  continent = "EU",
  user = "alice",
  speaksV1 = false,
  products = [],
  query = {},
}: Place = {}): Promise<{ socket: TestSocket; data: Frame["data"] }> {
  const socket = await connect("products", {
    token: await mintToken({ subject: user }),
    query: { ...query, ...(products.length > 0 && { product_id: products }) },
    headers: speaksV1 ? { "Sec-WebSocket-Protocol": "tidings.v1" } : {},
    cf: { continent },
  });
  const { type, data } = await socket.frame();
  if (type !== "connection_established") throw new Error(`the first frame is ${type}`);
  return { socket, data };
}

/** The bindings' types know the objects' RPC methods only. */
const asObject = (stub: unknown) => stub as DurableObjectStub<undefined>;
