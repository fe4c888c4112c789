import { describe, expect, test } from "vitest";
import { RedisClient } from "../../src/ingress/redis/client.ts";
import { RelayStore } from "../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../src/ingress/redis/stream-reader.ts";
import { catalogueWith } from "../../src/protocol/catalogue.ts";
import { MemoryStorage } from "../support/object-storage.ts";
import { hasRedis } from "../support/redis.ts";
import { STREAM, xaddMany } from "../support/redis-service.ts";
import { setUpRedisWithBridge } from "../support/redis-with-bridge.ts";

const ENTRIES = 50;
/** The first read is small, because the size of the entries is not known yet. */
const FIRST_READ = 11;

describe.skipIf(!hasRedis("how many entries the relay reads at once"))("the relay", () => {
  const servers = setUpRedisWithBridge();

  test("reads as many entries at once as their size allows, however often metrics are scraped", async () => {
    await xaddMany(servers.redis, ENTRIES, "products", "product_deleted", '{"product_id":"p"}');
    const store = new RelayStore(new MemoryStorage().asStorage);
    const client = new RedisClient({ url: servers.bridge.url, token: servers.bridge.token, stream: STREAM });
    const reader = new StreamReader(client, store, STREAM, catalogueWith([]));
    for (let scrape = 0; scrape < 3; scrape++) expect((await reader.unread())?.entries).toBe(ENTRIES);
    await reader.read();
    expect(store.backlog.events).toBe(FIRST_READ);
  });
});
