import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Health } from "../../src/protocol/health.ts";
import { eventually } from "../support/eventually.ts";
import { FAIL_FOR_AN_HOUR, failingOrderId } from "../support/failing-orders.ts";
import type { Fault } from "../support/fault-proxy.ts";
import { callService, listenAt, type NodeListener, registerOrderAt } from "../support/node-client.ts";
import { hasRedis } from "../support/redis.ts";
import {
  DEAD,
  deadLetters,
  type FaultyRedisService,
  STREAM,
  startFaultyRedisService,
  xadd,
} from "../support/redis-service.ts";

/** Failures between the service and Redis: every event is delivered once, in order. */

const FAULT_NAMES: Record<Exclude<Fault, "none">, string> = {
  "500": "Redis answers 500",
  "401": "Redis answers 401",
  hang: "Redis never answers",
  truncate: "answers are truncated",
  "lose reply": "replies are lost",
};
/** The relay retries after up to 30 s. */
const MAX_WAIT_MS = 120_000;

describe.skipIf(!hasRedis("failures of Redis"))("a failure of Redis", () => {
  let all: FaultyRedisService;
  let order: string;
  let listener: NodeListener;

  beforeAll(async () => {
    all = await startFaultyRedisService({
      redis: { appendfsync: "always" },
      entry: "test/support/workers/failing-orders.ts",
      vars: FAIL_FOR_AN_HOUR,
    });
  });
  afterAll(() => all.stop());
  beforeEach(async () => {
    all.proxy.fault = "none";
    order = await registerOrderAt(all.service.url);
    listener = await listenAt(all.service.url, `orders/${order}`);
    return () => listener.close();
  });

  const health = async () => (await callService(all.service.url, "GET", "ws/health")).json() as Promise<Health>;
  const untilHealthy = () =>
    eventually(
      async () => expect(await health()).toMatchObject({ status: "healthy", redis_status: "healthy" }),
      MAX_WAIT_MS,
    );
  const add = (n: number) =>
    xadd(all.redis, { channel: `order_${order}`, type: "order_shipped", data: JSON.stringify({ n }) });
  const publish = (n: number) =>
    callService(all.service.url, "POST", `publish/orders/${order}`, { type: "order_shipped", data: { n } });
  const numbers = () => listener.frames.map(({ data }) => data.n);

  test("[promise 5] Redis is killed and restarted: HTTP publishing goes on meanwhile, and the stream goes on afterwards", async () => {
    await add(1);
    await listener.receive(1);
    await all.redis.kill("SIGKILL");
    await eventually(
      async () => expect(await health()).toMatchObject({ status: "degraded", redis_status: "unavailable" }),
      MAX_WAIT_MS,
    );
    // HTTP and sockets keep working.
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

  for (const fault of Object.keys(FAULT_NAMES) as (keyof typeof FAULT_NAMES)[]) {
    test(`[promise 4] ${FAULT_NAMES[fault]}: every entry is delivered once, in order`, async () => {
      await add(1);
      await listener.receive(1);
      all.proxy.faults = 0;
      all.proxy.fault = fault;
      for (const n of [2, 3, 4]) await add(n);
      await eventually(() => expect(all.proxy.faults).toBeGreaterThanOrEqual(2), MAX_WAIT_MS);
      expect(await (await publish(100)).json()).toMatchObject({ status: "applied" });
      all.proxy.fault = "none";
      await listener.receive(5);
      await add(5);
      await listener.receive(6);
      expect(numbers()).toEqual([1, 100, 2, 3, 4, 5]);
      await untilHealthy();
    });
  }

  test("the reply to a dead letter's XADD is lost: the dead letter is written once", async () => {
    all.proxy.applies = (body) => body.includes(DEAD) && body.includes("XADD");
    all.proxy.faults = 0;
    all.proxy.fault = "lose reply";
    const before = (await deadLetters(all.redis)).length;
    const id = await xadd(all.redis, { channel: `order_${order}`, type: "order_shipped", data: "{broken" });
    await eventually(() => expect(all.proxy.faults).toBeGreaterThanOrEqual(1), MAX_WAIT_MS);
    all.proxy.fault = "none";
    await add(1);
    await listener.receive(1);
    await eventually(async () => {
      const answer = await callService(all.service.url, "GET", "ws/health");
      expect(answer.status).toBe(200);
      expect((await deadLetters(all.redis)).slice(before).map(({ entryId }) => entryId)).toEqual([id]);
    }, MAX_WAIT_MS);
    await add(2);
    await listener.receive(2);
    expect((await deadLetters(all.redis)).slice(before)).toHaveLength(1);
    all.proxy.applies = (_, path) => !path.startsWith("/subscribe");
  });

  test("the doorbell subscription is cut in the middle of an event: polling delivers, and the subscription is opened again", async () => {
    await eventually(() => expect(all.proxy.subscriptions).toBeGreaterThan(0), MAX_WAIT_MS);
    all.proxy.cutSubscriptions();
    await eventually(() => expect(all.proxy.subscriptions).toBe(0), MAX_WAIT_MS);
    await add(1);
    await listener.receive(1);
    expect(numbers()).toEqual([1]);
    // The relay renews a subscription every 60 s, with its next read.
    await eventually(() => expect(all.proxy.subscriptions).toBeGreaterThan(0), 120_000);
  });

  test("a channel object is unreachable: a publish to it is queued in the stream and answered 202", async () => {
    const failing = failingOrderId();
    const body = { type: "order_shipped", data: { n: 1 }, id: "waits" };
    const answer = await callService(all.service.url, "POST", `publish/orders/${failing}`, body);
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({ id: "waits", channel: `order_${failing}`, status: "queued" });
    const last: [string, string[]][] = JSON.parse(
      await all.redis.cli("--json", "XREVRANGE", STREAM, "+", "-", "COUNT", "1"),
    );
    expect(last[0]?.[1]).toContain("waits");
    await add(1);
    await listener.receive(1);
  });

  test("a channel object and Redis are unreachable: a publish is answered 503 with Retry-After", async () => {
    all.proxy.fault = "500";
    const failing = failingOrderId();
    const body = { type: "order_shipped", data: {} };
    const answer = await callService(all.service.url, "POST", `publish/orders/${failing}`, body);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("Retry-After")).toMatch(/^\d+$/);
    all.proxy.fault = "none";
    await untilHealthy();
  });
});
