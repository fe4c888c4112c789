import { randomUUID } from "node:crypto";
import pMap from "p-map";
import { orderChannelName } from "../../protocol/names.ts";
import { BATCH_PATH, orderPath, publishPath } from "../../protocol/paths.ts";
import { mintToken } from "../shared/mint.ts";
import type { ServiceClient } from "../shared/service.ts";
import type { SigningSecret } from "../shared/settings.ts";
import { BenchListener } from "./listener.ts";

const CONCURRENT_CONNECTS = 32;

interface BenchSetup {
  /** Holds the publish key. */
  service: ServiceClient;
  /** Signs the listeners' tokens. */
  secret: SigningSecret;
  sockets: number;
  events: number;
  /** Events per batch call. */
  batch: number;
}

export interface BenchResult {
  connections: { count: number; per_second: number };
  /** From the publish call to the last listener's frame. */
  latency: { events: number; p50_ms: number; p95_ms: number; p99_ms: number };
  /** Events published in batches. A delivery is one event at one listener. */
  burst: { events: number; deliveries_per_second: number };
}

/**
 * Measures a service with a temporary order, which it deletes afterwards.
 * @param report Called as each step begins.
 */
export async function runBench(setup: BenchSetup, report: (step: string) => void): Promise<BenchResult> {
  const { service, sockets, events, batch } = setup;
  const orderId = randomUUID();
  const listeners: BenchListener[] = [];
  const order = { user_id: `bench-${orderId}`, status: "pending", payment_status: "pending" };
  await service.call("PUT", orderPath(orderId), order);
  try {
    report(`Opening ${sockets} sockets …`);
    const connectMs = await timed(async () => {
      await pMap(Array(sockets).keys(), async (n) => listeners.push(await listen(setup, orderId, n)), {
        concurrency: CONCURRENT_CONNECTS,
      });
    });

    const single = Math.ceil(events / 10);
    report(`Publishing ${single} events one by one …`);
    const path = publishPath(orderChannelName(orderId));
    const times: number[] = [];
    for (let n = 1; n <= single; n++) {
      const all = Promise.all(listeners.map((listener) => listener.received(n)));
      times.push(await timed(() => Promise.all([service.call("POST", path, eventOf(n)), all])));
    }
    times.sort((a, b) => a - b);
    const percentile = (share: number) => times[Math.min(Math.floor(times.length * share), times.length - 1)] ?? 0;

    report(`Publishing ${events} events in batches of ${batch} …`);
    const burstMs = await timed(() => {
      const all = listeners.map((listener) => listener.received(single + events));
      return Promise.all([sendInBatches(setup, orderId), ...all]);
    });
    return {
      connections: { count: sockets, per_second: (sockets / connectMs) * 1000 },
      latency: { events: single, p50_ms: percentile(0.5), p95_ms: percentile(0.95), p99_ms: percentile(0.99) },
      burst: { events, deliveries_per_second: ((events * sockets) / burstMs) * 1000 },
    };
  } finally {
    for (const listener of listeners) listener.close();
    await service.request("DELETE", orderPath(orderId)).catch(() => {});
  }
}

/** Connects as a different admin each time, because connections per user are limited. */
async function listen({ service, secret }: BenchSetup, orderId: string, n: number): Promise<BenchListener> {
  const { token } = await mintToken({ subject: `bench-${orderId}-${n}`, role: secret.form.adminRole }, secret);
  const listener = new BenchListener(service.url, orderId, token);
  await listener.live();
  return listener;
}

const eventOf = (n: number) => ({ type: "order_status_changed", data: { new_status: `step-${n}` } });

async function sendInBatches({ service, events, batch }: BenchSetup, orderId: string): Promise<void> {
  const channel = orderChannelName(orderId);
  for (let sent = 0; sent < events; sent += batch) {
    const length = Math.min(batch, events - sent);
    await service.call("POST", BATCH_PATH, { events: Array.from({ length }, (_, n) => ({ channel, ...eventOf(n) })) });
  }
}

/** Returns how long an action took, in milliseconds. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await action();
  return performance.now() - startedAt;
}
