import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createClient } from "@redis/client";
import * as z from "zod";
import { encodeEventFrame } from "../../src/protocol/frames.ts";
import { endProcess, endWithThisProcess } from "../support/processes.ts";
import { hasRedis, startRedis } from "../support/redis.ts";
import { startWorkerd } from "../support/workerd.ts";
import { benchEvent } from "./event.ts";
import { call } from "./load-client.ts";
import type { Target } from "./targets.ts";

/** What the service is compared with. All send the same text for an event. */

const PUBLISH_TIME = Date.parse("2026-11-22T10:15:30.123Z");

/** The text that the service sends for an event, for peers that do not build frames. */
function frameOf(orderId: string, seq: number): string {
  const event = benchEvent(orderId, seq);
  return encodeEventFrame({ ...event, data: JSON.stringify(event.data), seq, ts: PUBLISH_TIME });
}

/** @param stores Whether it stores each frame in a row before sending it, as durability requires. */
export async function startBareTarget(stores: boolean): Promise<Target> {
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
      return {
        socketPaths: Array<string>(listeners).fill(path),
        publish: (seq) => call(worker.url, { method: "POST", path, body: frameOf(id, seq) }),
      };
    },
  };
}

/** Receives the body that the service receives; has no listeners. */
export async function startHonoTarget(): Promise<Target> {
  const worker = await startWorkerd({ entry: "test/bench/hono-row.ts", durableObjects: { RowObject: "ROW_OBJECT" } });
  const headers = { "Content-Type": "application/json" };
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    async openChannel() {
      const id = randomUUID();
      const publish = (seq: number) =>
        call(worker.url, { method: "POST", path: `/${id}`, headers, body: JSON.stringify(benchEvent(id, seq)) });
      return { socketPaths: [], publish };
    },
  };
}

/** @returns Null, with a warning, when Redis is not installed. */
export async function startNodeTarget(): Promise<Target | null> {
  if (!hasRedis("Node ws and Redis pub/sub, side by side")) return null;
  const redis = await startRedis();
  const child = fork(join(import.meta.dirname, "node-ws.ts"), [redis.url]);
  endWithThisProcess(child);
  const [address] = await once(child, "message");
  const publisher = await createClient({ url: redis.url }).connect();
  return {
    url: `http://127.0.0.1:${z.object({ port: z.int() }).parse(address).port}`,
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
        socketPaths: Array<string>(listeners).fill(path),
        publish,
        // The client sends commands of the same tick in one write.
        burst: (first, count) => Promise.all(Array.from({ length: count }, (_, i) => publish(first + i))),
      };
    },
  };
}
