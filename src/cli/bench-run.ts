import { randomUUID } from "node:crypto";
import pMap from "p-map";
import { MAX_BATCH_EVENTS } from "../protocol/publish-call.ts";
import { BenchListener } from "./bench-listener.ts";
import { channelArgument, publishPath } from "./channel-argument.ts";
import { mintToken } from "./mint.ts";
import { orderPath, type Service } from "./service.ts";
import type { Setting } from "./settings.ts";

const CONNECTS_AT_ONCE = 32;

export interface BenchSetup {
  /** With the publish key. */
  service: Service;
  /** Signs the listeners' tokens. */
  secret: Setting;
  sockets: number;
  events: number;
  batch: number;
}

export interface BenchResult {
  connections: { count: number; per_second: number };
  /** From the publish call to the last listener's frame. */
  latency: { events: number; p50_ms: number; p95_ms: number; p99_ms: number };
  /** Events that came in batches, each counted once for every listener. */
  burst: { events: number; deliveries_per_second: number };
}

/**
 * Loads a service, with an order of its own that is deleted afterwards.
 * @param tell Told of each step as it begins.
 */
export async function runBench(setup: BenchSetup, tell: (step: string) => void): Promise<BenchResult> {
  const { service, sockets, events, batch } = setup;
  const orderId = randomUUID();
  const listeners: BenchListener[] = [];
  const order = { user_id: `bench-${orderId}`, status: "pending", payment_status: "pending" };
  await service.call("PUT", orderPath(orderId), order);
  try {
    tell(`Opening ${sockets} sockets …`);
    const connections = await timed(async () => {
      await pMap(Array(sockets).keys(), async (n) => listeners.push(await listen(setup, orderId, n)), {
        concurrency: CONNECTS_AT_ONCE,
      });
    });

    const single = Math.ceil(events / 10);
    tell(`Publishing ${single} events one by one …`);
    const path = publishPath(channelArgument(orderId));
    const times: number[] = [];
    for (let n = 1; n <= single; n++) {
      const all = Promise.all(listeners.map((listener) => listener.received(n)));
      times.push(await timed(() => Promise.all([service.call("POST", path, eventOf(n)), all])));
    }
    times.sort((a, b) => a - b);
    const percentile = (share: number) => times[Math.min(Math.floor(times.length * share), times.length - 1)] ?? 0;

    tell(`Publishing ${events} events in batches of ${batch} …`);
    const burst = await timed(async () => {
      const all = Promise.all(listeners.map((listener) => listener.received(single + events)));
      for (let sent = 0; sent < events; sent += batch)
        await publishBatch(service, orderId, Math.min(batch, events - sent));
      await all;
    });
    return {
      connections: { count: sockets, per_second: (sockets / connections) * 1000 },
      latency: { events: single, p50_ms: percentile(0.5), p95_ms: percentile(0.95), p99_ms: percentile(0.99) },
      burst: { events, deliveries_per_second: ((events * sockets) / burst) * 1000 },
    };
  } finally {
    for (const listener of listeners) listener.close();
    await service.request("DELETE", orderPath(orderId)).catch(() => {});
  }
}

/** An admin of its own for each, because a user may not have so many sockets. */
async function listen({ service, secret }: BenchSetup, orderId: string, n: number): Promise<BenchListener> {
  const { token } = await mintToken({ subject: `bench-${orderId}-${n}`, role: "admin" }, secret.value);
  const listener = new BenchListener(service.url, orderId, token);
  await listener.live();
  return listener;
}

const eventOf = (n: number) => ({ type: "order_status_changed", data: { new_status: `step-${n}` } });

async function publishBatch(service: Service, orderId: string, size: number): Promise<void> {
  const events = Array.from({ length: Math.min(size, MAX_BATCH_EVENTS) }, (_, n) => ({
    channel: `order_${orderId}`,
    ...eventOf(n),
  }));
  await service.call("POST", "/api/v1/publish/batch", { events });
}

/** How long something takes, in milliseconds. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await action();
  return performance.now() - startedAt;
}
