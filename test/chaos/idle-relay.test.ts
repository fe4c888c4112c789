import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { listenAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, startRedisService } from "../support/redis-service.ts";

describe.skipIf(!hasRedis("what an idle relay costs"))("the Redis relay", () => {
  let all: RedisService;
  beforeAll(async () => {
    all = await startRedisService();
  });
  afterAll(() => all.stop());

  test("[promise 6] an idle relay sends Redis at most one command in 5 s with a listener, and none without", async () => {
    const total = () => Object.values(all.bridge.commands).reduce((sum, count) => sum + count, 0);
    const listener = await listenAt(all.service.url, "products");
    // The polling interval grows to its full length first.
    let last = total();
    await eventually(async () => {
      const before = total();
      await wait(8000);
      last = total();
      expect(last - before).toBeLessThanOrEqual(1);
    }, 60_000);
    // What an idle relay does not do can only be seen by waiting.
    await wait(20_000);
    const withListener = total() - last;
    listener.close();
    await wait(11_000);
    const asleep = total();
    await wait(12_000);
    console.log(`commands in 20 s with a listener: ${withListener}; in 12 s without: ${total() - asleep}`);
    expect(withListener).toBeLessThanOrEqual(4);
    expect(total() - asleep).toBe(0);
  });
});
