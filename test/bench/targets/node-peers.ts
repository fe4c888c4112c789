import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createClient } from "@redis/client";
import * as z from "zod";
import { endProcess, endWithThisProcess } from "../../support/processes.ts";
import { hasRedis, type RedisServer, startRedis } from "../../support/redis.ts";
import { call } from "../client/call.ts";
import { socketIo } from "../client/dialects.ts";
import { benchFrame } from "./event.ts";
import type { BenchChannel, Target } from "./target.ts";

/** Peers in Node, each with a Redis of its own, which keeps its data in memory. */

interface NodeServer {
  url: string;
  child: ChildProcess;
  redis: RedisServer;
}

/** @returns Null, with a warning, when Redis is not installed. */
export async function startNodeTarget(): Promise<Target | null> {
  const server = await startServer("node-ws.ts", "Node ws and Redis pub/sub, side by side");
  if (!server) return null;
  const publisher = await createClient({ url: server.redis.url }).connect();
  return targetOf(server, {
    async openChannel(listeners) {
      const id = randomUUID();
      const path = `/${id}`;
      const publish = (seq: number) => publisher.publish(path, benchFrame(id, seq));
      return {
        socketPaths: Array<string>(listeners).fill(path),
        publish,
        // The client sends commands of the same tick in one write.
        burst: (first, count) => Promise.all(Array.from({ length: count }, (_, i) => publish(first + i))),
      };
    },
    stop: async () => publisher.destroy(),
  });
}

/** @returns Null, with a warning, when Redis is not installed. */
export async function startSocketIoTarget(): Promise<Target | null> {
  const server = await startServer("socket-io.ts", "Socket.IO and Redis streams, side by side");
  if (!server) return null;
  return targetOf(server, { openChannel: async (listeners) => openRoom(server.url, listeners), stop: async () => {} });
}

/** The packet that answers a connection to the namespace, and an event with the position that the adapter appends. */
const connected = z.object({ pid: z.string() });
const positioned = z.tuple([z.string(), z.unknown(), z.string()]);

function openRoom(url: string, listeners: number): BenchChannel {
  const id = randomUUID();
  const path = `/socket.io/?EIO=4&transport=websocket&room=${id}`;
  const burst = (first: number, count: number) => {
    const frames = Array.from({ length: count }, (_, i) => benchFrame(id, first + i));
    return call(url, { method: "POST", path: `/${id}`, body: `[${frames.join(",")}]` });
  };
  return {
    socketPaths: Array<string>(listeners).fill(path),
    dialect: socketIo(),
    publish: (seq) => burst(seq, 1),
    burst,
    resume(greeting, event) {
      const { pid } = connected.parse(JSON.parse(greeting.slice("40".length)));
      const [, , offset] = positioned.parse(JSON.parse(event.slice("42".length)));
      // Missed events come before the packet that confirms the connection.
      return { path, dialect: socketIo({ pid, offset }), isResumed: (again) => again.startsWith("42") };
    },
  };
}

const addressMessage = z.object({ port: z.int() });

async function startServer(program: string, title: string): Promise<NodeServer | null> {
  if (!hasRedis(title)) return null;
  const redis = await startRedis();
  const child = fork(join(import.meta.dirname, "../programs", program), [redis.url]);
  endWithThisProcess(child);
  const [address] = await once(child, "message");
  return { url: `http://127.0.0.1:${addressMessage.parse(address).port}`, child, redis };
}

function targetOf(
  { url, child, redis }: NodeServer,
  { openChannel, stop }: Pick<Target, "openChannel" | "stop">,
): Target {
  return {
    url,
    pids: [Number(child.pid), redis.pid],
    openChannel,
    async stop() {
      await stop();
      await endProcess(child, "SIGTERM");
      await redis.stop();
    },
  };
}
