import { once } from "node:events";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import pMap from "p-map";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PRODUCTS_CHANNEL } from "../../src/protocol/names.ts";
import { socketPath } from "../../src/protocol/paths.ts";
import type { PublishResult } from "../../src/protocol/publish.ts";
import { CountingSocket } from "../bench/client/counting-socket.ts";
import { type Dialect, PLAIN, TIDINGS_V1 } from "../bench/client/dialects.ts";
import { CALLS_AT_ONCE } from "../bench/client/listeners.ts";
import { eventually } from "../support/eventually.ts";
import { callService, registerOrderAt } from "../support/node-client.ts";
import { residentBytes } from "../support/processes.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, type Workerd } from "../support/workerd.ts";

/** A batch of 1 MB to many listeners of one channel, and what another channel's publishers notice of it. */

const EVENTS = 1000;
const EVENT = {
  channel: PRODUCTS_CHANNEL,
  type: "product_updated",
  data: { product_id: "p", description: "x".repeat(800) },
};
const BATCH_BYTES = EVENTS * JSON.stringify(EVENT).length;
const MB = 1e6;

let service: Workerd;
beforeAll(async () => {
  service = await startTidings({ MAX_PLAIN_BYTES_PER_MINUTE: "" }, undefined, { isQuiet: true });
});
afterAll(() => service.stop());

const open = async (dialect: Dialect) => {
  const token = await mintToken({ subject: crypto.randomUUID(), expiresIn: 3600 });
  return CountingSocket.open(service.url, `${socketPath(PRODUCTS_CHANNEL)}?token=${token}`, dialect);
};

/**
 * Publishes to an order while `work` runs, in a thread of its own, because this one is busy receiving.
 * @returns The longest time that a publish took, in milliseconds, and the most memory of the runtime.
 */
async function observed(
  order: string,
  work: () => Promise<unknown>,
): Promise<{ longestMs: number; peakBytes: number }> {
  const file = join(import.meta.dirname, "../support/publisher-thread.ts");
  const thread = new Worker(file, { workerData: { url: service.url, order } });
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytes(service.pid));
  }, 20);
  try {
    await work();
    thread.postMessage("stop");
    const [longestMs] = await once(thread, "message");
    return { longestMs, peakBytes };
  } finally {
    clearInterval(timer);
    await thread.terminate();
  }
}

for (const [listeners, kind, dialect] of [
  [2000, "plain", PLAIN],
  [500, "tidings.v1", TIDINGS_V1],
] as const) {
  test(`[promise 5] 1 MB to ${listeners} ${kind} listeners: the longest stall of another publish and the memory are printed`, async () => {
    const sockets = await pMap(Array(listeners).keys(), () => open(dialect), { concurrency: CALLS_AT_ONCE });
    const order = await registerOrderAt(service.url);
    const idle = await observed(order, () => setTimeout(1000));
    const before = residentBytes(service.pid);
    let receivers = 0;
    const busy = await observed(order, async () => {
      const response = await callService(service.url, "POST", "publish/batch", { events: Array(EVENTS).fill(EVENT) });
      const { results } = await response.json<{ results: PublishResult[] }>();
      receivers = Number(results.at(-1)?.receivers);
      const received = () => sockets.filter(({ bytes }) => bytes >= BATCH_BYTES).length;
      await eventually(() => expect(received()).toBe(receivers), 60_000);
    });
    console.log(
      `1 MB to ${listeners} ${kind} listeners, of which ${receivers} may be sent so much: another publish takes up to ` +
        `${Math.round(busy.longestMs)} ms (otherwise ${Math.round(idle.longestMs)} ms); memory grows by ` +
        `${Math.round((busy.peakBytes - before) / MB)} MB`,
    );
    await Promise.all(sockets.map((socket) => socket.close()));
  });
}
