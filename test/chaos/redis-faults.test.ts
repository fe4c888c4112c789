import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Health } from "../../src/edge/health.ts";
import { type Fault, FaultProxy } from "../support/fault-proxy.ts";
import { callService, listenAt, type NodeListener, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import { DEAD, deadLetters, type RedisService, STREAM, startRedisService, xadd } from "../support/redis-service.ts";

/** What goes wrong between the service and Redis: nothing lost, nothing twice, or a recorded gap. */

const PATIENCE = { timeout: 40_000, interval: 100 };

describe.skipIf(!hasRedis("failures of Redis"))("when", { timeout: 90_000 }, () => {
  let all: RedisService;
  let proxy: FaultProxy;
  let order: string;
  let listener: NodeListener;

  beforeAll(async () => {
    all = await startRedisService({
      redis: { appendfsync: "always" },
      entry: "test/chaos/failing-worker.ts",
      vars: { FAIL_UNTIL: String(Date.now() + 3_600_000) },
      between: (url) => {
        proxy = new FaultProxy(url);
        return proxy.listen();
      },
    });
  });
  afterAll(async () => {
    await all.stop();
    await proxy.close();
  });
  beforeEach(async () => {
    proxy.fault = "none";
    order = await registerOrderAt(all.service.url);
    listener = await listenAt(all.service.url, `orders/${order}`);
    return () => listener.close();
  });

  const health = async () => (await callService(all.service.url, "GET", "ws/health")).json() as Promise<Health>;
  const untilHealthy = () =>
    vi.waitFor(
      async () => expect(await health()).toMatchObject({ status: "healthy", redis_status: "healthy" }),
      PATIENCE,
    );
  const add = (n: number) =>
    xadd(all.redis, { channel: `order_${order}`, type: "order_shipped", data: JSON.stringify({ n }) });
  const publish = (n: number) =>
    callService(all.service.url, "POST", `publish/orders/${order}`, { type: "order_shipped", data: { n } });
  const numbers = () => listener.frames.map(({ data }) => data.n);

  test("Redis is killed and started again in the middle of a stream", async () => {
    await add(1);
    await listener.receive(1);
    await all.redis.kill("SIGKILL");
    await vi.waitFor(
      async () => expect(await health()).toMatchObject({ status: "degraded", redis_status: "unavailable" }),
      PATIENCE,
    );
    // Everything else goes on.
    expect(await (await publish(2)).json()).toMatchObject({ status: "applied", receivers: 1 });
    await listener.receive(2);
    const { epoch, seq } = await listener.established;
    const query = { epoch: String(epoch), since: String(seq) };
    const resumed = await listenAt(all.service.url, `orders/${order}`, { query });
    expect((await resumed.established).resumed).toBe(true);
    resumed.close();
    await all.redis.restart();
    await add(3);
    await listener.receive(3);
    expect(numbers()).toEqual([1, 2, 3]);
    await untilHealthy();
  });

  const faults: Fault[] = ["500", "401", "hang", "truncate", "lose reply"];
  for (const fault of faults) {
    test(`Redis' answers meet: ${fault}`, async () => {
      await add(1);
      await listener.receive(1);
      proxy.faults = 0;
      proxy.fault = fault;
      for (const n of [2, 3, 4]) await add(n);
      await vi.waitFor(() => expect(proxy.faults).toBeGreaterThanOrEqual(2), PATIENCE);
      expect(await (await publish(100)).json()).toMatchObject({ status: "applied" });
      proxy.fault = "none";
      await listener.receive(5);
      await add(5);
      await listener.receive(6);
      expect(numbers()).toEqual([1, 100, 2, 3, 4, 5]);
      await untilHealthy();
    });
  }

  test("the reply to a dead letter's XADD is lost: it is written once", async () => {
    proxy.applies = (body) => body.includes(DEAD) && body.includes("XADD");
    proxy.faults = 0;
    proxy.fault = "lose reply";
    const before = (await deadLetters(all.redis)).length;
    const id = await xadd(all.redis, { channel: `order_${order}`, type: "order_shipped", data: "{broken" });
    await vi.waitFor(() => expect(proxy.faults).toBeGreaterThanOrEqual(1), PATIENCE);
    proxy.fault = "none";
    await add(1);
    await listener.receive(1);
    await vi.waitFor(async () => {
      const answer = await callService(all.service.url, "GET", "ws/health");
      expect(answer.status).toBe(200);
      expect((await deadLetters(all.redis)).slice(before).map(({ entryId }) => entryId)).toEqual([id]);
    }, PATIENCE);
    await add(2);
    await listener.receive(2);
    expect((await deadLetters(all.redis)).slice(before)).toHaveLength(1);
    proxy.applies = (_, path) => !path.startsWith("/subscribe");
  });

  test("the doorbell's stream is cut in the middle of an event: polling hears, and the bell is hung up again", async () => {
    await vi.waitFor(() => expect(proxy.subscriptions).toBeGreaterThan(0), PATIENCE);
    proxy.cutSubscriptions();
    await vi.waitFor(() => expect(proxy.subscriptions).toBe(0), PATIENCE);
    await add(1);
    await listener.receive(1);
    expect(numbers()).toEqual([1]);
    await vi.waitFor(() => expect(proxy.subscriptions).toBeGreaterThan(0), { timeout: 80_000, interval: 200 });
  });

  test("an object cannot be reached: its event waits in the stream, and the publish is answered 202", async () => {
    const failing = `fa11${crypto.randomUUID().slice(4)}`;
    const body = { type: "order_shipped", data: { n: 1 }, id: "waits" };
    const answer = await callService(all.service.url, "POST", `publish/orders/${failing}`, body);
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({ id: "waits", channel: `order_${failing}`, status: "queued" });
    const last: [string, string[]][] = JSON.parse(
      await all.redis.cli("--json", "XREVRANGE", STREAM, "+", "-", "COUNT", "1"),
    );
    expect(last[0]?.[1]).toContain("waits");
    // One channel that fails stops nothing else.
    await add(1);
    await listener.receive(1);
  });

  test("an object and Redis cannot be reached: 503 with Retry-After", async () => {
    proxy.fault = "500";
    const failing = `fa11${crypto.randomUUID().slice(4)}`;
    const body = { type: "order_shipped", data: {} };
    const answer = await callService(all.service.url, "POST", `publish/orders/${failing}`, body);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("Retry-After")).toMatch(/^\d+$/);
    proxy.fault = "none";
    await untilHealthy();
  });
});

describe.skipIf(!hasRedis("gaps in a Redis stream"))(
  "a gap is recorded, and every channel's listeners are told, when the stream was",
  {
    timeout: 60_000,
  },
  () => {
    const losses: [string, (all: RedisService) => Promise<unknown>][] = [
      ["trimmed beyond the cursor", async ({ redis }) => redis.cli("XTRIM", STREAM, "MAXLEN", "1")],
      ["trimmed to nothing", async ({ redis }) => redis.cli("XTRIM", STREAM, "MAXLEN", "0")],
      ["flushed", async ({ redis }) => redis.cli("FLUSHALL")],
      [
        "made anew",
        async ({ redis }) => {
          await redis.cli("DEL", STREAM);
          await redis.cli(
            "XADD",
            STREAM,
            "*",
            "channel",
            "products",
            "type",
            "product_deleted",
            "data",
            '{"product_id":"p"}',
          );
        },
      ],
    ];
    for (const [name, lose] of losses) {
      test(name, async () => {
        let proxy: FaultProxy | undefined;
        const all = await startRedisService({
          between: (url) => {
            proxy = new FaultProxy(url);
            return proxy.listen();
          },
        });
        try {
          const order = await registerOrderAt(all.service.url);
          const listener = await listenAt(all.service.url, `orders/${order}`);
          const fields = { channel: `order_${order}`, type: "order_shipped", data: "{}" };
          for (let n = 1; n <= 3; n++) await xadd(all.redis, fields);
          await listener.receive(3);
          const { epoch } = await listener.established;

          // While the service cannot read, entries come and go.
          if (proxy) proxy.fault = "500";
          for (let n = 4; n <= 6; n++) await xadd(all.redis, fields);
          await lose(all);
          if (proxy) proxy.fault = "none";

          await vi.waitFor(() => expect(listener.again).toHaveLength(1), PATIENCE);
          const told = listener.again[0];
          expect(told).toMatchObject({ resumed: false, order_id: order, current_status: "shipped" });
          expect(told?.epoch).not.toBe(epoch);
          // Who was away learns it when coming back with a position of the old epoch.
          const late = await listenAt(all.service.url, `orders/${order}`, {
            query: { since: "1", epoch: String(epoch) },
          });
          expect((await late.established).resumed).toBe(false);
          late.close();

          const before = listener.frames.length;
          await xadd(all.redis, { ...fields, id: "after" });
          await vi.waitFor(() => expect(listener.frames.length).toBeGreaterThan(before), PATIENCE);
          expect(listener.frames.at(-1)?.id).toBe("after");
          expect(listener.frames.map(({ seq }) => seq)).toEqual(listener.frames.map((_, i) => i + 1));
          expect(listener.again).toHaveLength(1);
          listener.close();
        } finally {
          await all.stop();
          await proxy?.close();
        }
      });
    }
  },
);

test.skipIf(!hasRedis("a gap that one channel cannot be told of"))(
  "a channel that cannot be told of a gap keeps nobody else from being told, nor from what comes after it",
  { timeout: 60_000 },
  async () => {
    const all = await startRedisService({
      entry: "test/chaos/failing-worker.ts",
      vars: { FAIL_UNTIL: String(Date.now() + 3_600_000) },
    });
    try {
      const failing = `fa11${crypto.randomUUID().slice(4)}`;
      const order = { user_id: "alice", status: "pending", payment_status: "pending" };
      expect((await callService(all.service.url, "PUT", `orders/${failing}`, order)).status).toBe(201);
      const [untold, listener] = [
        await listenAt(all.service.url, `orders/${failing}`),
        await listenAt(all.service.url, "products"),
      ];
      const event = { channel: "products", type: "product_deleted", data: '{"product_id":"p"}' };
      await xadd(all.redis, event);
      await listener.receive(1);
      await all.redis.cli("DEL", STREAM);
      await xadd(all.redis, event);
      await vi.waitFor(() => expect(listener.again.length).toBeGreaterThan(0), PATIENCE);
      await listener.receive(2);
      untold.close();
      listener.close();
    } finally {
      await all.stop();
    }
  },
);
