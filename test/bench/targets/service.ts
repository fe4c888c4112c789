import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import * as z from "zod";
import { type ChannelName, orderChannelName, PRODUCTS_CHANNEL } from "../../../src/protocol/names.ts";
import { BATCH_PATH, orderPath, publishPath, socketPath } from "../../../src/protocol/paths.ts";
import { DOORBELL } from "../../../src/protocol/stream.ts";
import { hasRedis } from "../../support/redis.ts";
import { STREAM, startRedisService } from "../../support/redis-service.ts";
import { PUBLISH_KEY } from "../../support/test-env.ts";
import { mintToken } from "../../support/tokens.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { call } from "../client/call.ts";
import { TIDINGS_V1 } from "../client/dialects.ts";
import { benchEvent } from "./event.ts";
import type { BenchChannel, Target } from "./target.ts";

/** The service itself, as each measurement uses it. */

const WITHOUT_RATE_LIMITS = { RATE_LIMITS: "off" };
/** Publishes up to so many events in one call. */
const EVENTS_IN_BATCH = 250;

function send(url: string, method: "POST" | "PUT", path: string, body: unknown): Promise<string> {
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" };
  return call(url, { method, path, headers, body: JSON.stringify(body) });
}

/** Publishes to another channel after a restart, so that the Worker's code is loaded and compiled. */
const WARM_UP_EVENTS = 20;

export interface ServiceTarget extends Target {
  /** Puts every object to sleep: a new process with the same storage, in which only the code is warm. */
  restart(): Promise<void>;
}

async function serviceTarget(
  vars: Record<string, string>,
  openChannel: (worker: Workerd, listeners: number) => Promise<BenchChannel>,
): Promise<ServiceTarget> {
  const worker = await startTidings({ ...WITHOUT_RATE_LIMITS, ...vars }, undefined, { isQuiet: true });
  return {
    get url() {
      return worker.url;
    },
    get pids() {
      return [worker.pid];
    },
    async restart() {
      await worker.restart();
      const { publish } = await openOrder(worker.url, randomUUID(), 0);
      for (let seq = 1; seq <= WARM_UP_EVENTS; seq++) await publish(seq);
    },
    stop: () => worker.stop(),
    openChannel: (listeners) => openChannel(worker, listeners),
  };
}

/** Measures order channels, because they check and store the most: the owner, the snapshot and the history. */
export function startOrdersTarget(): Promise<ServiceTarget> {
  return serviceTarget({}, (worker, listeners) => openOrder(worker.url, randomUUID(), listeners));
}

async function openOrder(url: string, id: string, listeners: number): Promise<BenchChannel> {
  await send(url, "PUT", orderPath(id), { user_id: "bench", status: "pending", payment_status: "pending" });
  const channel = orderChannelName(id);
  // Each listener has a token of its own, as different users do.
  const tokens = Array.from({ length: listeners }, (_, jti) =>
    mintToken({ subject: "bench", expiresIn: 3600, claims: { jti: `${id}-${jti}` } }),
  );
  return channelOf(url, channel, {
    socketPaths: (await Promise.all(tokens)).map((token) => `${socketPath(channel)}?token=${token}`),
    eventOf: (seq) => benchEvent(id, seq),
  });
}

export interface ProductsOptions {
  /** `own`: each listener wants a product of its own, and events are about another one. `none`: all events reach all. */
  filter: "own" | "none";
  vars?: Record<string, string>;
}

/** Measures the products channel, of which a process has one: a single object unless `vars` says otherwise. */
export function startProductsTarget({ filter, vars }: ProductsOptions): Promise<ServiceTarget> {
  return serviceTarget({ PRODUCTS_SHARDS: "0", ...vars }, async ({ url }, listeners) => {
    const tokens = Array.from({ length: listeners }, (_, i) => mintToken({ subject: `bench-${i}`, expiresIn: 3600 }));
    const query = (i: number) => (filter === "own" ? `&product_id=p-${i}` : "");
    return channelOf(url, PRODUCTS_CHANNEL, {
      socketPaths: (await Promise.all(tokens)).map(
        (token, i) => `${socketPath(PRODUCTS_CHANNEL)}?token=${token}${query(i)}`,
      ),
      eventOf: (seq) => ({
        type: "inventory_updated",
        data: { product_id: filter === "own" ? "p-unwanted" : `p-${seq % 5000}`, new_quantity: seq },
      }),
    });
  });
}

const established = z.object({ data: z.object({ epoch: z.string(), resumed: z.boolean().nullable() }) });
const numbered = z.object({ seq: z.int() });

function channelOf(
  url: string,
  channel: ChannelName,
  { socketPaths, eventOf }: { socketPaths: string[]; eventOf(seq: number): object },
): BenchChannel {
  return {
    socketPaths,
    isOrdered: true,
    publish: (seq) => send(url, "POST", publishPath(channel), eventOf(seq)),
    burstDialect: TIDINGS_V1,
    async burst(first, count) {
      const events = Array.from({ length: count }, (_, i) => ({ channel, ...eventOf(first + i) }));
      for (let sent = 0; sent < count; sent += EVENTS_IN_BATCH) {
        await send(url, "POST", BATCH_PATH, { events: events.slice(sent, sent + EVENTS_IN_BATCH) });
      }
    },
    resume(greeting, event) {
      const { epoch } = established.parse(JSON.parse(greeting)).data;
      const { seq } = numbered.parse(JSON.parse(event));
      return {
        path: `${socketPaths[0]}&since=${seq}&epoch=${epoch}`,
        isResumed: (again) => established.parse([JSON.parse(again)].flat()[0]).data.resumed === true,
      };
    },
  };
}

/** Publishes through the Redis stream. @returns Null, with a warning, when Redis is not installed. */
export async function startStreamTarget(): Promise<Target | null> {
  if (!hasRedis("the Redis stream beside HTTP")) return null;
  const { redis, service, stop } = await startRedisService({ vars: WITHOUT_RATE_LIMITS, isQuiet: true });
  const client = await createClient({ url: redis.url }).connect();
  return {
    url: service.url,
    pids: [service.pid, redis.pid],
    async stop() {
      client.destroy();
      await stop();
    },
    async openChannel(listeners) {
      const id = randomUUID();
      const channel = orderChannelName(id);
      const publish = (seq: number) => {
        const { data, ...fields } = benchEvent(id, seq);
        const entry = { channel, ...fields, data: JSON.stringify(data) };
        return client.multi().xAdd(STREAM, "*", entry).publish(DOORBELL, "1").exec();
      };
      const { socketPaths } = await openOrder(service.url, id, listeners);
      return { socketPaths, isOrdered: true, publish };
    },
  };
}
