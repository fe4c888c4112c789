import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bridge, startBridge } from "../../src/dev/bridge/bridge.ts";
import { RedisClient } from "../../src/ingress/redis/client.ts";
import { RelayStore } from "../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../src/ingress/redis/stream-reader.ts";
import { catalogueWith } from "../../src/protocol/catalogue.ts";
import { MemoryStorage } from "../support/object-storage.ts";
import { hasRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { STREAM, xaddMany } from "../support/redis-service.ts";

const ENTRIES = 50;
/** The first read is small, because the size of the entries is not known yet. */
const FIRST_READ = 11;

const withRedis = hasRedis("how many entries the relay reads at once");
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

test.skipIf(!withRedis)(
  "the relay reads as many entries at once as their size allows, however often metrics are scraped",
  async () => {
    await xaddMany(redis, ENTRIES, "products", "product_deleted", '{"product_id":"p"}');
    const store = new RelayStore(new MemoryStorage().asStorage);
    const client = new RedisClient({ url: bridge.url, token: bridge.token, stream: STREAM });
    const reader = new StreamReader(client, store, STREAM, catalogueWith([]));
    for (let scrape = 0; scrape < 3; scrape++) expect((await reader.unread())?.entries).toBe(ENTRIES);
    await reader.read();
    expect(store.backlog.events).toBe(FIRST_READ);
  },
);
