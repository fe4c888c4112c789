import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { MAX_BATCH_EVENTS } from "../../src/protocol/publish.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { OBJECT_CALL_TIMEOUT_MS } from "../../src/runtime/time-limit.ts";
import { METRICS, type MetricName } from "../../src/telemetry/metrics.ts";
import { eventually } from "../support/eventually.ts";
import { metricValue, parseMetrics, type Sample } from "../support/metrics.ts";
import { shortenTimeLimit } from "../support/pauses.ts";
import { connect, hibernateAll, publish, registerOrder, request, serviceRequest } from "../support/service.ts";
import { mintToken } from "../support/tokens.ts";

async function scrape() {
  const response = await serviceRequest("GET", "/metrics");
  expect(response.status).toBe(200);
  return parseMetrics(await response.text());
}

const token = await mintToken();
const shipped = { type: "order_shipped", data: {} };

async function listen(id: string, query: Record<string, string> = {}) {
  const socket = await connect(`orders/${id}`, { token, query });
  return { socket, position: (await socket.frame()).data };
}

/** Metrics of the Redis stream are tested with a real Redis (`test/chaos/stream-metrics.test.ts`). */
type OfRedis =
  | "tidings_redis_up"
  | "tidings_relay_lag_entries"
  | "tidings_relay_lag_seconds"
  | "tidings_relay_failing_channels"
  | "tidings_relay_degraded"
  | "tidings_dead_letters_total"
  | "tidings_stream_gaps_total";

/** Sockets that vanish have tests of their own (`lost-connections.test.ts`). */
type OfLosses = "tidings_connections_lost_total";

interface Cause {
  what: string;
  labels: Record<string, string>;
  happens: () => Promise<unknown>;
  /** The change of the metric. */
  by: number;
}

/** What changes each metric; the type makes sure that none is missing. */
const CAUSES: Record<Exclude<MetricName, OfRedis | OfLosses>, Cause> = {
  tidings_connections: {
    what: "a client listens to an order",
    labels: { kind: "order" },
    happens: async () => listen(await registerOrder()),
    by: 1,
  },
  tidings_channels: {
    what: "the first client listens to an order",
    labels: { kind: "order" },
    happens: async () => listen(await registerOrder()),
    by: 1,
  },
  tidings_connections_opened_total: {
    what: "a client listens to products",
    labels: { kind: "products" },
    happens: async () => (await connect("products", { token })).frame(),
    by: 1,
  },
  tidings_connections_closed_total: {
    what: "a client closes",
    labels: { kind: "order", code: "1000" },
    happens: async () => (await listen(await registerOrder())).socket.close(1000),
    by: 1,
  },
  tidings_connections_refused_total: {
    what: "a client asks for an unknown order",
    labels: { reason: "order_not_found" },
    happens: async () => (await connect(`orders/${crypto.randomUUID()}`, { token })).closed(),
    by: 1,
  },
  tidings_connection_duration_seconds: {
    what: "a connection ends",
    labels: { kind: "order" },
    happens: async () => (await listen(await registerOrder())).socket.close(1000),
    by: 1,
  },
  tidings_events_published_total: {
    what: "an event is published twice",
    labels: { type: "order_shipped", via: "http", key: "shop", outcome: "duplicate" },
    happens: async () => {
      const id = await registerOrder();
      await publish(`orders/${id}`, { ...shipped, id: "once" });
      await publish(`orders/${id}`, { ...shipped, id: "once" });
    },
    by: 1,
  },
  tidings_events_rejected_total: {
    what: "a batch has two invalid events",
    labels: { via: "http", key: "shop" },
    happens: () => serviceRequest("POST", "/api/v1/publish/batch", { events: [{}, { channel: "products" }] }),
    by: 2,
  },
  tidings_deliveries_total: {
    what: "two listeners receive an event",
    labels: { kind: "order" },
    happens: async () => {
      const id = await registerOrder();
      await Promise.all([listen(id), listen(id)]);
      await publish(`orders/${id}`, shipped);
    },
    by: 2,
  },
  tidings_publish_to_send_seconds: {
    what: "an event is published",
    labels: { via: "http" },
    happens: async () => publish(`orders/${await registerOrder()}`, shipped),
    by: 1,
  },
  tidings_resumes_total: {
    what: "a listener reconnects with an unknown position",
    labels: { kind: "order", outcome: "not_recovered" },
    happens: async () => listen(await registerOrder(), { since: "3", epoch: "another" }),
    by: 1,
  },
  tidings_replayed_events_total: {
    what: "a listener reconnects and is sent two of three missed events, because one replaces another",
    labels: { kind: "products" },
    happens: async () => {
      const { seq, epoch } = (await (await connect("products", { token })).frame()).data;
      for (const [product_id, new_quantity] of [
        ["a", 1],
        ["a", 2],
        ["b", 3],
      ])
        await publish("products", { type: "inventory_updated", data: { product_id, new_quantity } });
      const query = { since: String(seq), epoch: String(epoch), conflate: "1" };
      expect((await (await connect("products", { token, query })).frame()).data.resumed).toBe(true);
    },
    by: 2,
  },
  tidings_rate_limited_total: {
    what: "a client floods its socket",
    labels: { limit: "client_messages" },
    happens: async () => {
      const socket = await connect("products", { token });
      await socket.frame();
      for (let i = 0; i < 40; i++) socket.send(JSON.stringify({ type: "subscribe", product_ids: ["p"] }));
      await socket.closed();
    },
    by: 1,
  },
  tidings_auth_failures_total: {
    what: "a token has expired",
    labels: { reason: "expired" },
    happens: async () => (await connect("products", { token: await mintToken({ expiresIn: -1 }) })).closed(),
    by: 1,
  },
  tidings_errors_total: {
    what: "a channel fails",
    labels: { where: "deliver" },
    happens: async () => {
      const failing = vi.spyOn(OrderChannel.prototype, "deliver").mockRejectedValue(new Error("it fails for the test"));
      const response = await serviceRequest("POST", `/api/v1/publish/orders/${crypto.randomUUID()}`, shipped);
      expect(response.status).toBe(503);
      failing.mockRestore();
    },
    by: 1,
  },
};

const isHttpLatency = ({ name, labels }: Sample) =>
  name === "tidings_publish_to_send_seconds_bucket" && labels.via === "http";

describe("GET /metrics", () => {
  for (const [metric, { what, labels, happens, by }] of Object.entries(CAUSES) as [MetricName, Cause][]) {
    test(`${metric} changes by ${by} when ${what}`, async () => {
      const before = metricValue(await scrape(), metric, labels);
      await happens();
      await eventually(async () => expect(metricValue(await scrape(), metric, labels)).toBe(before + by));
    });
  }

  test("events for unreachable channels are counted as unavailable", async () => {
    const labels = { outcome: "unavailable" };
    const before = metricValue(await scrape(), "tidings_events_published_total", labels);
    const failing = vi.spyOn(OrderChannel.prototype, "deliver").mockRejectedValue(new Error("it fails for the test"));
    await serviceRequest("POST", `/api/v1/publish/orders/${crypto.randomUUID()}`, shipped);
    failing.mockRestore();
    await eventually(async () => {
      expect(metricValue(await scrape(), "tidings_events_published_total", labels)).toBe(before + 1);
    });
  });

  test("every metric is listed with its type, even before its first change", async () => {
    const text = await (await serviceRequest("GET", "/metrics")).text();
    for (const [name, { type }] of Object.entries(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
  });

  test("the buckets of a histogram are cumulative", async () => {
    await publish(`orders/${await registerOrder()}`, shipped);
    await eventually(async () => {
      const buckets = (await scrape()).filter(isHttpLatency);
      expect(buckets.length).toBe(METRICS.tidings_publish_to_send_seconds.buckets.length + 1);
    });
    const samples = await scrape();
    const buckets = samples.filter(isHttpLatency);
    for (const [i, { value }] of buckets.entries()) expect(value).toBeGreaterThanOrEqual(buckets[i - 1]?.value ?? 0);
    expect(buckets.at(-1)?.labels.le).toBe("+Inf");
    expect(buckets.at(-1)?.value).toBe(metricValue(samples, "tidings_publish_to_send_seconds", { via: "http" }));
  });

  test("counters survive hibernation and eviction", async () => {
    const deliveries = async () => metricValue(await scrape(), "tidings_deliveries_total");
    const counters = async () => (await scrape()).filter(({ name }) => /_(total|count|sum|bucket)$/.test(name));
    const id = await registerOrder();
    await listen(id);
    const delivered = await deliveries();
    await publish(`orders/${id}`, shipped);
    await eventually(async () => expect(await deliveries()).toBe(delivered + 1));
    const before = await counters();
    await hibernateAll();
    expect(await counters()).toEqual(before);
  });

  test("clients cannot create series: an unknown close code is counted as other", async () => {
    const { socket } = await listen(await registerOrder());
    socket.close(4999);
    await eventually(async () => {
      const codes = (await scrape()).filter(({ name }) => name === "tidings_connections_closed_total");
      expect(codes.map(({ labels }) => labels.code)).toContain("other");
      expect(codes.map(({ labels }) => labels.code)).not.toContain("4999");
    });
  });

  test("a batch of maximum size costs one report, not one per event", async () => {
    const id = await registerOrder();
    const labels = { type: "order_delivered", outcome: "applied" };
    const before = metricValue(await scrape(), "tidings_events_published_total", labels);
    const event = { channel: `order_${id}`, type: "order_delivered", data: {} };
    const report = vi.spyOn(ChannelRegistry.prototype, "report");
    await serviceRequest("POST", "/api/v1/publish/batch", { events: Array(MAX_BATCH_EVENTS).fill(event) });
    await eventually(async () => {
      expect(metricValue(await scrape(), "tidings_events_published_total", labels)).toBe(before + MAX_BATCH_EVENTS);
    });
    expect(report.mock.calls.filter(([channel]) => channel === `order_${id}`)).toHaveLength(1);
    report.mockRestore();
  });

  test("only services may read metrics", async () => {
    expect((await request("/metrics")).status).toBe(401);
    expect((await request("/metrics", { headers: { Authorization: `Bearer ${token}` } })).status).toBe(401);
    const response = await serviceRequest("GET", "/metrics");
    expect(response.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });

  test.each([
    ["fails", () => Promise.reject(new Error("it fails for the test"))],
    ["does not answer in time", () => new Promise<never>(() => {})],
  ])("a registry that %s makes the answer 503, because counters must never decrease", async (_, answer) => {
    vi.spyOn(ChannelRegistry.prototype, "metrics").mockImplementation(answer);
    shortenTimeLimit(OBJECT_CALL_TIMEOUT_MS);
    const response = await serviceRequest("GET", "/metrics");
    vi.restoreAllMocks();
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("5");
  });

  test("Workers Analytics Engine receives one data point per series when it is bound", async () => {
    const { writeDataPoints } = await import("../../src/telemetry/analytics.ts");
    const { Counters } = await import("../../src/telemetry/counters.ts");
    const points: unknown[] = [];
    const counts = new Counters();
    counts.count("tidings_deliveries_total", { kind: "order" }, 3);
    counts.observe("tidings_publish_to_send_seconds", { via: "redis" }, 0.5, 2);
    writeDataPoints({ writeDataPoint: (point) => points.push(point) }, counts.all);
    expect(points).toEqual([
      { indexes: ["tidings_deliveries_total"], blobs: ["tidings_deliveries_total", "order"], doubles: [3, 0] },
      {
        indexes: ["tidings_publish_to_send_seconds"],
        blobs: ["tidings_publish_to_send_seconds", "redis"],
        doubles: [2, 1],
      },
    ]);
    expect(env.ANALYTICS).toBeUndefined();
  });
});
