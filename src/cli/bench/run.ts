import { randomUUID } from "node:crypto";
import pMap from "p-map";
import { orderChannelName } from "../../protocol/names.ts";
import { BATCH_PATH, orderPath, publishPath } from "../../protocol/paths.ts";
import { mintToken } from "../shared/mint.ts";
import type { ServiceClient } from "../shared/service.ts";
import { remedyForRefusedToken, type SigningSecret } from "../shared/settings.ts";
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
  /** Aborting it ends the measurement with the signal's reason, once the order is deleted. */
  signal: AbortSignal;
}

export interface BenchResult {
  connections: { count: number; per_second: number };
  /** From the publish call to the last listener's frame. */
  latency: { events: number; p50_ms: number; p95_ms: number; p99_ms: number };
  /** Events published in batches, up to the last listener's frame. A delivery is one event at one listener. */
  burst: { events: number; deliveries_per_second: number };
}

/**
 * Measures a service with a temporary order, which it deletes afterwards.
 * @param report Called as each step begins, and when the order could not be deleted.
 */
export async function runBench(setup: BenchSetup, report: (step: string) => void): Promise<BenchResult> {
  const { service, sockets, events, batch, signal } = setup;
  const orderId = randomUUID();
  const listeners: BenchListener[] = [];
  const order = { user_id: `bench-${orderId}`, status: "pending", payment_status: "pending" };
  await service.call("PUT", orderPath(orderId), order);
  const closeListeners = () => {
    for (const listener of listeners) listener.close();
  };
  // This fails every wait for a listener, which ends the measurement.
  signal.addEventListener("abort", closeListeners);
  try {
    report(`Opening ${sockets} sockets …`);
    const remedy = remedyForRefusedToken(setup.secret, service.url);
    const connectMs = await timed(async () => {
      const listen = async (n: number) => {
        const token = await listenerToken(setup, orderId, n);
        signal.throwIfAborted();
        const listener = new BenchListener(service.url, orderId, token, remedy);
        listeners.push(listener);
        await listener.live();
      };
      await pMap(Array(sockets).keys(), listen, { concurrency: CONCURRENT_CONNECTS });
    });

    const single = Math.ceil(events / 10);
    report(`Publishing ${single} events one by one …`);
    const path = publishPath(orderChannelName(orderId));
    const times: number[] = [];
    for (let n = 1; n <= single; n++) {
      signal.throwIfAborted();
      const received = timed(() => Promise.all(listeners.map((listener) => listener.received(n))));
      const [latencyMs] = await Promise.all([received, service.call("POST", path, eventOf(n))]);
      times.push(latencyMs);
    }
    times.sort((a, b) => a - b);
    const percentile = (share: number) => times[Math.min(Math.floor(times.length * share), times.length - 1)] ?? 0;

    report(`Publishing ${events} events in batches of ${batch} …`);
    const allReceived = timed(() => Promise.all(listeners.map((listener) => listener.received(single + events))));
    const [burstMs] = await Promise.all([allReceived, sendInBatches(setup, orderId)]);
    return {
      connections: { count: sockets, per_second: (sockets / connectMs) * 1000 },
      latency: { events: single, p50_ms: percentile(0.5), p95_ms: percentile(0.95), p99_ms: percentile(0.99) },
      burst: { events, deliveries_per_second: ((events * sockets) / burstMs) * 1000 },
    };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", closeListeners);
    closeListeners();
    await service.call("DELETE", orderPath(orderId)).catch((error: unknown) => {
      report(`Could not delete the temporary order ${orderId}: ${error instanceof Error ? error.message : error}`);
    });
  }
}

/** Mints a token of a different admin for each listener, because connections per user are limited. */
async function listenerToken({ secret }: BenchSetup, orderId: string, n: number): Promise<string> {
  return (await mintToken({ subject: `bench-${orderId}-${n}`, role: secret.form.adminRole }, secret)).token;
}

const eventOf = (n: number) => ({ type: "order_status_changed", data: { new_status: `step-${n}` } });

async function sendInBatches({ service, events, batch, signal }: BenchSetup, orderId: string): Promise<void> {
  const channel = orderChannelName(orderId);
  for (let sent = 0; sent < events; sent += batch) {
    signal.throwIfAborted();
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
