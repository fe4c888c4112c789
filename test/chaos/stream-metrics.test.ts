import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { METRICS, type MetricName } from "../../src/telemetry/metrics.ts";
import { eventually } from "../support/eventually.ts";
import { FAIL_FOR_AN_HOUR, failingOrderId, RECOVERY_PATH } from "../support/failing-orders.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { callService, listenAt, registerOrderAt } from "../support/node-client.ts";
import { hasPromtool, promtool } from "../support/promtool.ts";
import { hasRedis } from "../support/redis.ts";
import { type RedisService, STREAM, startRedisService, xadd } from "../support/redis-service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";

async function metricsText(url: string): Promise<string> {
  const response = await fetch(`${url}/metrics`, { headers: { Authorization: `Bearer ${PUBLISH_KEY}` } });
  expect(response.status).toBe(200);
  return response.text();
}

describe.skipIf(!hasRedis("metrics of a Redis stream"))("metrics of the Redis stream", () => {
  let all: RedisService;
  beforeAll(async () => {
    all = await startRedisService({ vars: FAIL_FOR_AN_HOUR, entry: "test/support/workers/failing-orders.ts" });
  });
  afterAll(() => all.stop());

  const value = async (metric: MetricName, labels: Record<string, string> = {}) =>
    metricValue(parseMetrics(await metricsText(all.service.url)), metric, labels);

  test("tidings_relay_lag_entries and tidings_relay_lag_seconds grow while a channel fails, and return to 0", async () => {
    const listener = await listenAt(all.service.url, "products");
    const failing = failingOrderId();
    const entry = { type: "order_shipped", data: "{}" };
    for (let n = 0; n < 3; n++) await xadd(all.redis, { ...entry, channel: `order_${failing}` });
    await eventually(async () => expect(await value("tidings_relay_lag_entries")).toBe(3));
    await eventually(async () => expect(await value("tidings_relay_lag_seconds")).toBeGreaterThan(0.5));
    expect((await fetch(`${all.service.url}${RECOVERY_PATH}`)).status).toBe(204);
    await eventually(async () => expect(await value("tidings_relay_lag_entries")).toBe(0));
    expect(await value("tidings_relay_lag_seconds")).toBe(0);
    const counted = { via: "redis", key: "", outcome: "applied" };
    await eventually(async () => expect(await value("tidings_events_published_total", counted)).toBe(3));
    expect(await value("tidings_publish_to_send_seconds", { via: "redis" })).toBe(3);
    listener.close();
  });

  test("tidings_dead_letters_total and tidings_events_rejected_total grow when an entry is not an event", async () => {
    await xadd(all.redis, { hello: "world" });
    await eventually(async () => expect(await value("tidings_dead_letters_total")).toBe(1));
    await eventually(async () => expect(await value("tidings_events_rejected_total", { via: "redis" })).toBe(1));
  });

  test("tidings_stream_gaps_total grows when the stream is deleted", async () => {
    await all.redis.cli("DEL", STREAM);
    await eventually(async () => expect(await value("tidings_stream_gaps_total")).toBe(1));
  });

  test("tidings_redis_up is 1 while Redis answers and 0 while it does not, and then the lag is left out", async () => {
    expect(await value("tidings_redis_up")).toBe(1);
    await all.redis.stop();
    await eventually(async () => expect(await value("tidings_redis_up")).toBe(0));
    expect(await metricsText(all.service.url)).not.toMatch(/^tidings_relay_lag_entries /m);
    await eventually(async () => expect(await value("tidings_errors_total", { where: "redis" })).toBeGreaterThan(0));
  });
});

describe.skipIf(!hasPromtool("the text of /metrics"))("promtool, Prometheus' own parser,", () => {
  test("accepts the metrics of a service that has counted something everywhere, without a warning", async () => {
    const all = await startRedisService();
    const { url } = all.service;
    const order = await registerOrderAt(url);
    const path = `orders/${order}`;
    const listener = await listenAt(url, path);
    for (const type of ["order_shipped", "order_eaten"])
      await callService(url, "POST", `publish/${path}`, { type, data: {} });
    await listener.receive(1);
    const { epoch } = await listener.established;
    (await listenAt(url, path, { query: { since: "0", epoch: String(epoch) } })).close();
    await listenAt(url, path, { subject: "mallory" }).catch(() => {});
    await fetch(`${url}/api/v1/ws/health`, {
      headers: { Authorization: `Bearer ${await mintToken({ expiresIn: -5 })}` },
    });
    listener.close();
    await eventually(async () => {
      const samples = parseMetrics(await metricsText(url));
      expect(metricValue(samples, "tidings_connection_duration_seconds")).toBe(2);
      expect(metricValue(samples, "tidings_auth_failures_total")).toBeGreaterThan(0);
    });
    const text = await metricsText(url);
    expect(await promtool(["check", "metrics"], text)).toEqual({ code: 0, said: "" });
    for (const name of Object.keys(METRICS)) expect(text).toContain(`# TYPE ${name} `);
    await all.stop();
  });

  test("rejects malformed metrics", async () => {
    expect((await promtool(["check", "metrics"], 'tidings_x{a="b" 1\n')).code).not.toBe(0);
  });
});
