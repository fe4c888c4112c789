import { env } from "cloudflare:workers";
import { afterEach, expect, test, vi } from "vitest";
import { OrderChannel } from "../../src/channels/order/order-channel.ts";
import { registryStubs } from "../../src/registry/directory.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { serviceHealth } from "../support/listener-counts-scenario.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { deploy, hibernateAll, listen, registerOrder, serviceRequest } from "../support/service.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const lost = async (kind: string) => {
  const text = await (await serviceRequest("GET", "/metrics")).text();
  return metricValue(parseMetrics(text), "tidings_connections_lost_total", { kind });
};

async function listenToOrders(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const id = await registerOrder();
    await listen(`orders/${id}`);
    ids.push(id);
  }
  await eventually(async () => expect((await serviceHealth()).total_connections).toBeGreaterThanOrEqual(count));
  return ids;
}

test("sockets that a deploy drops without a close event are counted as lost", async () => {
  await listenToOrders(3);
  await listen("products");
  await eventually(async () => expect((await serviceHealth()).total_connections).toBe(4));
  const before = await lost("order");
  await deploy();
  expect((await serviceHealth()).total_connections).toBe(0);
  expect([await lost("order"), await lost("products")]).toEqual([before + 3, 1]);
});

test("a deploy that keeps the sockets of hibernating objects keeps their counts", async () => {
  const ids = await listenToOrders(3);
  await hibernateAll();
  for (const registry of registryStubs(env)) {
    const { runInDurableObject } = await import("cloudflare:test");
    await runInDurableObject(registry, (_, { storage }) => storage.kv.put("version", { id: "previous", since: 0 }));
  }
  await hibernateAll();
  const before = await lost("order");
  const asked = vi.spyOn(OrderChannel.prototype, "countListeners");
  const { channel_details } = await serviceHealth();
  for (const id of ids) expect(channel_details[`order_${id}`]).toBe(1);
  expect(await lost("order")).toBe(before);
  // The next readers confirmed the counts.
  expect(asked.mock.calls.length).toBeLessThanOrEqual(ids.length);
});

test("sockets that vanish are noticed by a reader within a quarter of an hour", async () => {
  const [id] = await listenToOrders(1);
  const before = await lost("order");
  const count = async () => (await serviceHealth()).channel_details[`order_${id}`];
  vi.spyOn(OrderChannel.prototype, "countListeners").mockResolvedValue(0);
  stopClock();
  advanceClock(14 * 60_000);
  expect(await count()).toBe(1);
  advanceClock(2 * 60_000);
  expect(await count()).toBeUndefined();
  expect(await lost("order")).toBeGreaterThan(before);
});
