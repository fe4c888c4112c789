import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createClient } from "@redis/client";
import * as z from "zod";
import { encodeEventFrame, SUBPROTOCOL } from "../../src/protocol/frames.ts";
import { endProcess, endWithThisProcess } from "../support/processes.ts";
import { hasRedis, startRedis } from "../support/redis.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings, startWorkerd } from "../support/workerd.ts";
import { call, inParallel } from "./load-client.ts";

/** The service and its peers, behind one interface. */

export interface Target {
  url: string;
  /** The server processes. */
  pids: number[];
  /** Creates a channel for `listeners` clients, each with its own credentials. */
  openChannel(listeners: number): Promise<BenchChannel>;
  stop(): Promise<void>;
}

export interface BenchChannel {
  /** The path of each listener's socket. */
  socketPaths: string[];
  /** Publishes the event with this `seq`. All targets send the same text for it. */
  publish(seq: number): Promise<unknown>;
  /** Publishes `count` events from this `seq` on, in the fastest way that the target has. */
  burst(first: number, count: number): Promise<unknown>;
  /** The subprotocol that clients offer to receive a burst in the fastest way. */
  burstSubprotocol?: string;
}

export const TARGETS = {
  bare: { title: "bare object", start: () => startBareTarget(false) },
  storing: { title: "bare, one row", start: () => startBareTarget(true) },
  node: { title: "Node ws, Redis", start: startNodeTarget },
  tidings: { title: "tidings", start: startTidingsTarget },
} as const;
export type TargetName = keyof typeof TARGETS;

/** Concurrent publishes. */
export const PUBLISHES_AT_ONCE = 4;
const EVENTS_IN_BATCH = 250;
const EVENT_TYPE = "order_status_changed";
const PUBLISH_TIME = Date.parse("2026-11-22T10:15:30.123Z");

function eventOf(orderId: string, seq: number) {
  const timestamp = "2026-11-22T10:15:30.123456";
  const data = { old_status: "pending", new_status: "processing", timestamp, order_id: orderId };
  return { type: EVENT_TYPE, id: `bench-${String(seq).padStart(8, "0")}`, data };
}

/** The text that the service sends for an event, for peers that do not build frames. */
function frameOf(orderId: string, seq: number): string {
  const event = eventOf(orderId, seq);
  return encodeEventFrame({ ...event, data: JSON.stringify(event.data), seq, ts: PUBLISH_TIME });
}

/** @param stores Whether it stores each frame in a row before sending it, as durability requires. */
async function startBareTarget(stores: boolean): Promise<Target> {
  const worker = await startWorkerd({
    entry: "test/bench/bare.ts",
    durableObjects: { BareChannel: "BARE_CHANNEL" },
    bindings: { STORES: stores ? "yes" : "no" },
  });
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    async openChannel(listeners) {
      const id = randomUUID();
      const path = `/${id}`;
      const publish = (seq: number) => call(worker.url, { method: "POST", path, body: frameOf(id, seq) });
      return {
        socketPaths: new Array<string>(listeners).fill(path),
        publish,
        burst: (first, count) => inParallel(count, PUBLISHES_AT_ONCE, (i) => publish(first + i)),
      };
    },
  };
}

/** Measures order channels, because they check and store the most: the owner, the snapshot and the history. */
async function startTidingsTarget(): Promise<Target> {
  const worker = await startTidings({ RATE_LIMITS: "off" });
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" };
  const post = (path: string, body: unknown, method = "POST") =>
    call(worker.url, { method, path: `/api/v1/${path}`, headers, body: JSON.stringify(body) });
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    async openChannel(listeners) {
      const id = randomUUID();
      await post(`orders/${id}`, { user_id: "bench", status: "pending", payment_status: "pending" }, "PUT");
      // Each listener has a token of its own, as different users do.
      const tokens = Array.from({ length: listeners }, (_, jti) =>
        mintToken({ subject: "bench", expiresIn: 3600, claims: { jti: `${id}-${jti}` } }),
      );
      return {
        socketPaths: (await Promise.all(tokens)).map((token) => `/api/v1/ws/orders/${id}?token=${token}`),
        publish: (seq) => post(`publish/orders/${id}`, eventOf(id, seq)),
        burstSubprotocol: SUBPROTOCOL,
        async burst(first, count) {
          for (let sent = 0; sent < count; sent += EVENTS_IN_BATCH) {
            const events = Array.from({ length: Math.min(EVENTS_IN_BATCH, count - sent) }, (_, i) => ({
              channel: `order_${id}`,
              ...eventOf(id, first + sent + i),
            }));
            await post("publish/batch", { events });
          }
        },
      };
    },
  };
}

/** @returns Null, with a warning, when Redis is not installed. */
async function startNodeTarget(): Promise<Target | null> {
  if (!hasRedis("Node ws and Redis pub/sub, side by side")) return null;
  const redis = await startRedis();
  const child = fork(join(import.meta.dirname, "node-ws.ts"), [redis.url]);
  endWithThisProcess(child);
  const [address] = await once(child, "message");
  const url = `http://127.0.0.1:${z.object({ port: z.int() }).parse(address).port}`;
  const publisher = createClient({ url: redis.url });
  await publisher.connect();
  return {
    url,
    pids: [Number(child.pid), redis.pid],
    async stop() {
      publisher.destroy();
      await endProcess(child, "SIGTERM");
      await redis.stop();
    },
    async openChannel(listeners) {
      const id = randomUUID();
      const path = `/${id}`;
      const publish = (seq: number) => publisher.publish(path, frameOf(id, seq));
      return {
        socketPaths: new Array<string>(listeners).fill(path),
        publish,
        // The client sends commands of the same tick in one write.
        burst: (first, count) => Promise.all(Array.from({ length: count }, (_, i) => publish(first + i))),
      };
    },
  };
}
