import { afterAll, beforeAll, expect, test } from "vitest";
import type { Health } from "../../src/protocol/health.ts";
import { eventually } from "../support/eventually.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { callService, listenAt, type NodeListener } from "../support/node-client.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** The products channel with two shards, each as full as its root with three sockets. */

const SOCKETS_PER_OBJECT = 3;
const CLIENTS = 3 * SOCKETS_PER_OBJECT;

let service: Workerd;
beforeAll(async () => {
  const MAX_CONNECTIONS_PER_CHANNEL = String(SOCKETS_PER_OBJECT);
  service = await startTidings({ PRODUCTS_SHARDS: "2", MAX_CONNECTIONS_PER_CHANNEL });
});
afterAll(() => service.stop());

/** Opens sockets at the same time, each of another user. */
const listenAll = (query: Record<string, string> = {}) =>
  Promise.all(
    Array.from({ length: CLIENTS }, (_, i) =>
      listenAt(service.url, "products", { subject: `user-${i}`, speaksV1: i % 2 === 0, query }),
    ),
  );

async function publishPrice(price: number): Promise<void> {
  const event = { type: "price_updated", data: { product_id: "p", new_price: price } };
  expect((await callService(service.url, "POST", "publish/products", event)).status).toBe(200);
}

const health = async () => (await callService(service.url, "GET", "ws/health")).json() as Promise<Health>;
const expectListeners = (products: number) =>
  eventually(async () => {
    const details = products > 0 ? { products } : {};
    expect(await health()).toMatchObject({ total_connections: products, channel_details: details });
  });

const framesOf = (listeners: NodeListener[]) => listeners.map(({ frames }) => frames);

test("clients fill the shards, then the root; all see the same, through a crash as well, and are counted as one channel", async () => {
  const listeners = await listenAll();
  await expect(listenAt(service.url, "products", { subject: "one-too-many" })).rejects.toThrow("4110");
  await publishPrice(1);
  for (const listener of listeners) await listener.receive(1);
  const [first = [], ...others] = framesOf(listeners);
  expect(first).toMatchObject([{ seq: 1 }]);
  for (const frames of others) expect(frames).toEqual(first);
  await expectListeners(CLIENTS);

  const { epoch } = (await listeners[0]?.established) ?? {};
  await service.restart();
  await expectListeners(0);
  await publishPrice(2);
  const reconnected = await listenAll({ since: "1", epoch: String(epoch) });
  for (const listener of reconnected) {
    expect((await listener.established).resumed).toBe(true);
    expect(await listener.receive(1)).toMatchObject([{ seq: 2 }]);
  }
  await expectListeners(CLIENTS);
  const response = await fetch(`${service.url}/metrics`, { headers: { Authorization: `Bearer ${PUBLISH_KEY}` } });
  const metrics = parseMetrics(await response.text());
  expect(metricValue(metrics, "tidings_connections", { kind: "products" })).toBe(CLIENTS);
  expect(metricValue(metrics, "tidings_channels", { kind: "products" })).toBe(1);
  // At least those that each object reported at once: the crash came before other counts were saved.
  expect(metricValue(metrics, "tidings_connections_lost_total", { kind: "products" })).toBeGreaterThanOrEqual(3);

  const one = await callService(service.url, "POST", "disconnect", { channel: "products", user_id: "user-1" });
  expect(await one.json()).toEqual({ closed: 1 });
  const rest = await callService(service.url, "POST", "disconnect", { channel: "products" });
  expect(await rest.json()).toEqual({ closed: CLIENTS - 1 });
  await expectListeners(0);
});
