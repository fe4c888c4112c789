import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { failingOrderId } from "../support/failing-orders.ts";
import { callService, listenAt, type NodeListener } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { deadLetters, type RedisService, STREAM, startRedisService } from "../support/redis-service.ts";

const ENTRIES = 10_000;
const CHANNELS = 500;
const FAILING = 5;
const FAIL_FOR_MS = 30_000;

describe.skipIf(!hasRedis("10,000 entries of a Redis stream"))("the Redis stream", () => {
  let all: RedisService;
  let failUntil: number;
  beforeAll(async () => {
    failUntil = Date.now() + FAIL_FOR_MS;
    all = await startRedisService({
      entry: "test/support/workers/failing-orders.ts",
      vars: { FAIL_UNTIL: String(failUntil) },
    });
  });
  afterAll(() => all.stop());

  test("[promise 5] 10,000 entries for 500 channels, 1 in 100 malformed and 5 channels failing for 30 s: each good entry is delivered once, in order", async () => {
    const orders = Array.from({ length: CHANNELS }, (_, i) =>
      i < FAILING ? failingOrderId() : `0000${crypto.randomUUID().slice(4)}`,
    );
    const listeners = new Map<string, NodeListener>();
    for (let from = 0; from < CHANNELS; from += 50) {
      const some = orders.slice(from, from + 50);
      await Promise.all(
        some.map((id) =>
          callService(all.service.url, "PUT", `orders/${id}`, {
            user_id: "alice",
            status: "new",
            payment_status: "new",
          }),
        ),
      );
      await Promise.all(some.map(async (id) => listeners.set(id, await listenAt(all.service.url, `orders/${id}`))));
    }

    const expected = new Map(orders.map((id): [string, number[]] => [id, []]));
    const malformed: string[] = [];
    const redis = await createClient({ url: all.redis.url }).connect();
    for (let from = 0; from < ENTRIES; from += 1000) {
      const ids = await Promise.all(
        Array.from({ length: 1000 }, (_, i) => {
          const n = from + i;
          const order = orders[(n * 7) % CHANNELS] ?? "";
          const isMalformed = n % 100 === 42;
          if (!isMalformed) expected.get(order)?.push(n);
          const data = isMalformed ? "{broken" : JSON.stringify({ n });
          return redis.xAdd(STREAM, "*", { channel: `order_${order}`, type: "order_shipped", data });
        }),
      );
      for (const [i, id] of ids.entries()) if ((from + i) % 100 === 42) malformed.push(id);
    }
    const started = performance.now();
    await redis.publish("tidings:doorbell", "1");
    await redis.close();

    const healthy = orders.slice(FAILING);
    await Promise.all(healthy.map((id) => listeners.get(id)?.receive(expected.get(id)?.length ?? 0)));
    const seconds = (performance.now() - started) / 1000;
    const isEarly = Date.now() < failUntil;
    for (const id of orders.slice(0, FAILING)) if (isEarly) expect(listeners.get(id)?.frames).toEqual([]);
    await Promise.all(orders.map((id) => listeners.get(id)?.receive(expected.get(id)?.length ?? 0)));
    expect(Date.now()).toBeGreaterThan(failUntil);
    console.log(
      `${ENTRIES} entries: the ${healthy.length} healthy channels had theirs after ${seconds.toFixed(1)} s` +
        `${isEarly ? ", before the failing ones" : ""}; all after ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );

    for (const [id, numbers] of expected) {
      const frames = listeners.get(id)?.frames ?? [];
      expect(frames.map(({ data }) => data.n)).toEqual(numbers);
      expect(frames.map(({ seq }) => seq)).toEqual(numbers.map((_, i) => i + 1));
    }
    await eventually(async () => {
      expect((await deadLetters(all.redis)).map(({ entryId }) => entryId)).toEqual(malformed);
    }, 30_000);
    for (const listener of listeners.values()) listener.close();
  });
});
