import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "../../../src/config/env.ts";
import { dispatch } from "../../../src/ingress/dispatch.ts";
import type { AcceptedEvent } from "../../../src/protocol/publish.ts";
import { DEFAULT_STREAM } from "../../../src/protocol/stream.ts";
import { hasRedis } from "../../support/redis.ts";
import { setUpRedisWithBridge } from "../../support/redis-with-bridge.ts";

describe.skipIf(!hasRedis("queueing events in Redis"))("queueing", () => {
  const all = setUpRedisWithBridge();
  beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());

  const event = (id: string): AcceptedEvent => ({
    channel: "order_123e4567-e89b-12d3-a456-426614174000",
    ...{ id, type: "order_delivered", data: "{}", version: null, request: null, productId: null, order: null },
    ...{ statusChange: {}, status: null, acceptedAt: 0 },
  });
  /** Publishes events and returns their statuses, and how often each command was sent to Redis. */
  const publish = async (...events: AcceptedEvent[]) => {
    const before = { ...all.bridge.commands };
    const deliver = () => Promise.reject(new Error("the channel fails"));
    const env = {
      ORDER_CHANNEL: { getByName: () => ({ deliver }) },
      JWT_SECRET: "s".repeat(32),
      PUBLISH_KEYS: `shop:${"k".repeat(32)}`,
      UPSTASH_REDIS_REST_URL: all.bridge.url,
      UPSTASH_REDIS_REST_TOKEN: all.bridge.token,
    } as unknown as Env;
    const outcomes = await dispatch(env, events, { via: "http", key: "shop" });
    const sent = Object.entries(all.bridge.commands).map(([name, count]) => [name, count - (before[name] ?? 0)]);
    return { statuses: outcomes.map(({ status }) => status), sent: Object.fromEntries(sent) };
  };
  const queuedIds = async () => {
    const stream: [string, string[]][] = JSON.parse(await all.redis.cli("--json", "XRANGE", DEFAULT_STREAM, "-", "+"));
    return stream.map(([, words]) => words[words.indexOf("id") + 1]);
  };

  test("events of an unreachable channel are queued in order, with one request and the doorbell", async () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `event-${n}`);
    const withOrder = { ...event("last"), version: 7, order: { user_id: "u" } } as AcceptedEvent;
    const { statuses, sent } = await publish(...ids.map(event), withOrder);
    expect(new Set(statuses)).toEqual(new Set(["queued"]));
    expect(sent).toEqual({ EVAL: 1, PUBLISH: 1 });
    expect(await queuedIds()).toEqual([...ids, "last"]);
    const last = await all.redis.cli("--json", "XREVRANGE", DEFAULT_STREAM, "+", "-", "COUNT", "1");
    expect(JSON.parse(last)[0][1].slice(-4)).toEqual(["version", "7", "order", '{"user_id":"u"}']);
  });

  test("[promise 2] no event of an unreachable channel is queued after one that Redis did not take", async () => {
    // Leaves room for one entry.
    await all.redis.cli("XADD", DEFAULT_STREAM, "18446744073709551615-18446744073709551614", "id", "before");
    const { statuses, sent } = await publish(...["a", "b", "c"].map(event));
    expect(statuses).toEqual(["unavailable", "unavailable", "unavailable"]);
    expect(await queuedIds()).toEqual(["before", "a"]);
    expect(sent.PUBLISH ?? 0).toBe(0);
  });
});
