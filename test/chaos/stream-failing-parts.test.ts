import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { MAX_TRIES } from "../../src/ingress/redis/failing-channels.ts";
import type { Health } from "../../src/protocol/health.ts";
import { failingOrderId, RECOVERY_PATH } from "../support/failing-orders.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { callService, listenAt, type NodeListener, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import {
  DEAD,
  deadLetters,
  type FaultyRedisService,
  type RedisService,
  STREAM,
  startFaultyRedisService,
  startRedisService,
  xadd,
} from "../support/redis-service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { TestTerminal } from "../unit/cli/test-terminal.ts";

/** Promise 5: one failing channel, or one bad entry, stops nothing else. */

const PATIENCE = { timeout: 120_000, interval: 50 };

const health = async (all: RedisService) =>
  (await callService(all.service.url, "GET", "ws/health")).json() as Promise<Health>;

const metric = async (all: RedisService, name: Parameters<typeof metricValue>[1], labels = {}) => {
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}` };
  return metricValue(parseMetrics(await (await fetch(`${all.service.url}/metrics`, { headers })).text()), name, labels);
};

describe.skipIf(!hasRedis("channels that fail"))("[promise 5] an order that keeps failing", () => {
  let all: RedisService;
  let failing: string;
  let listener: NodeListener;
  const product = { channel: "products", type: "product_deleted", data: '{"product_id":"p"}' };
  const later = (ms: number) => fetch(`${all.service.url}/test/later?ms=${ms}`);

  beforeAll(async () => {
    const vars = { FAIL_UNTIL: String(Date.now() + 1e12) };
    all = await startRedisService({ entry: "test/support/workers/settable-clock.ts", vars });
    failing = failingOrderId();
    listener = await listenAt(all.service.url, "products");
  });
  afterAll(() => all.stop());

  test("delays no other channel, and health is degraded with the reason after a minute", async () => {
    const add =
      "for n = 1, 3000 do redis.call('XADD', KEYS[1], '*', 'channel', ARGV[1], 'type', 'order_shipped', 'data', '{}') end";
    await all.redis.cli("EVAL", add, "1", STREAM, `order_${failing}`);
    await xadd(all.redis, product);
    await listener.receive(1);
    expect(await health(all)).toMatchObject({ status: "healthy" });
    await later(61_000);
    await xadd(all.redis, product);
    await listener.receive(2);
    expect(await health(all)).toMatchObject({
      status: "degraded",
      redis_status: "healthy",
      reasons: ["channels_failing"],
    });
    expect(await metric(all, "tidings_relay_failing_channels")).toBe(1);
    expect(await metric(all, "tidings_relay_degraded", { problem: "channels_failing" })).toBe(1);
    expect(await deadLetters(all.redis)).toEqual([]);
  });

  test(`is given up after ${MAX_TRIES} tries: its events are dead letters, and all is well again`, async () => {
    let jumps = 0;
    while ((await health(all)).status === "degraded") {
      await later(31_000);
      if (++jumps > 3 * MAX_TRIES) throw new Error("it is never given up");
    }
    console.log(`given up after the clock was set forward ${jumps} times by 31 s`);
    expect(jumps).toBeGreaterThan(MAX_TRIES / 2);
    await vi.waitFor(async () => expect(await all.redis.cli("XLEN", DEAD)).toBe("3000"), PATIENCE);
    const [letter] = await deadLetters(all.redis);
    expect(letter).toMatchObject({ reason: "its channel failed too often", entry: { channel: `order_${failing}` } });
    expect(await metric(all, "tidings_relay_failing_channels")).toBe(0);
    // It starts afresh: what comes once it works is delivered, and the dead letters can be retried.
    await fetch(`${all.service.url}${RECOVERY_PATH}`);
    await xadd(all.redis, { channel: `order_${failing}`, type: "order_shipped", data: "{}" });
    const seq = async () => {
      await health(all);
      const answer = await callService(all.service.url, "GET", `orders/${failing}`);
      return answer.status === 200 ? ((await answer.json()) as { seq: number }).seq : 0;
    };
    await vi.waitFor(async () => expect(await seq()).toBe(1), PATIENCE);
    const terminal = new TestTerminal({ env: { REDIS_URL: all.redis.url } });
    expect(await terminal.run("dead", "retry", "--all", "--channel", `order_${failing}`)).toBe(0);
    expect(terminal.output).toBe("retried: 3000 dead letters");
    await vi.waitFor(async () => expect(await seq()).toBe(3001), PATIENCE);
    expect(await deadLetters(all.redis)).toEqual([]);
  });
});

describe.skipIf(!hasRedis("bad entries in bulk"))("[promise 5] entries", () => {
  let all: FaultyRedisService;
  let order: string;
  let listener: NodeListener;
  beforeAll(async () => {
    all = await startFaultyRedisService();
    order = await registerOrderAt(all.service.url);
    listener = await listenAt(all.service.url, `orders/${order}`);
  });
  afterAll(async () => {
    listener.close();
    await all.stop();
  });

  test("70,000 that are no events become dead letters within half a minute, and events among them are delivered", async () => {
    const bad = "for n = 1, 70000 do redis.call('XADD', KEYS[1], '*', 'hello', n) end";
    await all.redis.cli("EVAL", bad, "1", STREAM);
    const started = performance.now();
    await xadd(all.redis, { channel: `order_${order}`, type: "order_shipped", data: "{}", id: "after-the-flood" });
    await listener.receive(1);
    const delivered = performance.now() - started;
    await vi.waitFor(async () => expect(await all.redis.cli("XLEN", DEAD)).toBe("70000"), PATIENCE);
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `70,000 dead letters: event behind them after ${(delivered / 1000).toFixed(1)} s, all written after ${seconds.toFixed(1)} s`,
    );
    expect(await health(all)).toMatchObject({ status: "healthy", redis_status: "healthy" });
    await all.redis.cli("DEL", DEAD);
  });

  test("too large to be read together are read one by one", async () => {
    const before = listener.frames.length;
    all.proxy.maxReplyLength = 400_000;
    all.proxy.faults = 0;
    const redis = await createClient({ url: all.redis.url }).connect();
    const data = JSON.stringify({ note: "x".repeat(60_000) });
    for (let n = 0; n < 30; n++) {
      await redis.xAdd(STREAM, "*", { channel: `order_${order}`, type: "order_shipped", data, id: `large-${n}` });
    }
    await redis.publish("tidings:doorbell", "1");
    await redis.close();
    const frames = await listener.receive(before + 30);
    expect(frames.slice(before).map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, n) => `large-${n}`));
    expect(all.proxy.faults).toBeGreaterThan(0);
    expect(await health(all)).toMatchObject({ status: "healthy" });
    all.proxy.maxReplyLength = Number.POSITIVE_INFINITY;
  });

  test("that are not UTF-8 are dead letters; a replacement character that is meant is delivered", async () => {
    const before = listener.frames.length;
    const fields = ["channel", `order_${order}`, "type", "order_shipped", "data"];
    const redis = await createClient({ url: all.redis.url }).connect();
    const latin1 = Buffer.from('{"name":"K\u00fcche"}', "latin1");
    const bad = await redis.sendCommand(["XADD", STREAM, "*", ...fields, latin1]);
    await redis.sendCommand(["XADD", STREAM, "*", ...fields, '{"name":"K\ufffdche"}']);
    await redis.sendCommand(["XADD", STREAM, "*", ...fields, '{"name":"Küche"}']);
    await redis.publish("tidings:doorbell", "1");
    await redis.close();
    const frames = await listener.receive(before + 2);
    expect(frames.slice(before).map(({ data }) => data.name)).toEqual(["K\ufffdche", "Küche"]);
    await vi.waitFor(async () => expect(await deadLetters(all.redis)).toHaveLength(1), PATIENCE);
    expect((await deadLetters(all.redis))[0]).toMatchObject({
      entryId: String(bad),
      reason: expect.stringContaining("UTF-8"),
    });
  });

  test("that cannot be written as dead letters hold up no events; health says so until they can", async () => {
    const before = listener.frames.length;
    await all.redis.cli("SET", DEAD, "in use for something else");
    await xadd(all.redis, { hello: "world" });
    await xadd(all.redis, { channel: `order_${order}`, type: "order_shipped", data: "{}", id: "not-held-up" });
    expect((await listener.receive(before + 1)).at(-1)?.id).toBe("not-held-up");
    await vi.waitFor(
      async () =>
        expect(await health(all)).toMatchObject({
          status: "degraded",
          redis_status: "healthy",
          reasons: ["dead_letters_waiting"],
        }),
      PATIENCE,
    );
    await all.redis.cli("DEL", DEAD);
    await vi.waitFor(async () => expect((await health(all)).status).toBe("healthy"), PATIENCE);
    expect(await deadLetters(all.redis)).toHaveLength(1);
  });
});
