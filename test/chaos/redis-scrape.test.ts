import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bridge, startBridge } from "../../src/dev/bridge/bridge.ts";
import { RedisClient } from "../../src/ingress/redis/client.ts";
import { RelayStore } from "../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../src/ingress/redis/stream-reader.ts";
import { MemoryStorage } from "../support/object-storage.ts";
import { hasRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { STREAM } from "../support/redis-service.ts";

/** How many entries are read at once follows from how large they are, and from nothing else. */

const ENTRIES = 50;
/** The first read is a small one, because nobody knows yet how large the entries are. */
const FIRST_READ = 11;

const withRedis = hasRedis("how much is read at once");
let redis: RedisServer;
let bridge: Bridge;
beforeAll(async () => {
  if (!withRedis) return;
  redis = await startRedis();
  bridge = await startBridge({ redisUrl: redis.url, token: "test-redis-token" });
});
afterAll(async () => {
  await bridge?.close();
  await redis?.stop();
});

test.skipIf(!withRedis)("who looks at the metrics does not have more read at once", async () => {
  const event = ["channel", "products", "type", "product_deleted", "data", '{"product_id":"p"}'];
  for (let n = 0; n < ENTRIES; n++) await redis.cli("XADD", STREAM, "*", ...event);
  const store = new RelayStore(new MemoryStorage().asStorage);
  const client = new RedisClient({ url: bridge.url, token: bridge.token, stream: STREAM });
  const reader = new StreamReader(client, store, STREAM);
  for (let scrape = 0; scrape < 3; scrape++) expect((await reader.unread())?.entries).toBe(ENTRIES);
  await reader.read();
  expect(store.backlog.events).toBe(FIRST_READ);
});
