import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bridge, startBridge } from "../../src/dev/bridge/bridge.ts";
import { RedisClient } from "../../src/ingress/redis/client.ts";
import type { RelayState, RelayStore } from "../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../src/ingress/redis/stream-reader.ts";
import type { AcceptedEvent } from "../../src/protocol/publish.ts";
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

/** A relay store in memory. */
class MemoryStore {
  readonly events: AcceptedEvent[] = [];
  state: Partial<RelayState> = {
    cursor: "0-0",
    entriesAdded: null,
    syncToken: "",
    untrimmed: 0,
    gaps: 0,
    pendingGapAt: null,
  };
  append(events: AcceptedEvent[], _: unknown, change: Partial<RelayState>): void {
    this.events.push(...events);
    this.state = { ...this.state, ...change };
  }
}

test.skipIf(!withRedis)(
  "the relay reads as many entries at once as their size allows, however often metrics are scraped",
  async () => {
    await xaddMany(redis, ENTRIES, "products", "product_deleted", '{"product_id":"p"}');
    const store = new MemoryStore();
    const client = new RedisClient({ url: bridge.url, token: bridge.token, stream: STREAM });
    // The reader uses nothing of a store but these two members; the real store lives in an object.
    const reader = new StreamReader(client, store as unknown as RelayStore, STREAM);
    for (let scrape = 0; scrape < 3; scrape++) expect((await reader.unread())?.entries).toBe(ENTRIES);
    await reader.read();
    expect(store.events.length).toBe(FIRST_READ);
  },
);
