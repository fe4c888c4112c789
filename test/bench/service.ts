import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import { SUBPROTOCOL } from "../../src/protocol/frames.ts";
import { orderChannelName, PRODUCTS_CHANNEL } from "../../src/protocol/names.ts";
import { BATCH_PATH, orderPath, publishPath, socketPath } from "../../src/protocol/paths.ts";
import { DOORBELL } from "../../src/protocol/stream.ts";
import { hasRedis } from "../support/redis.ts";
import { STREAM, startRedisService } from "../support/redis-service.ts";
import { PUBLISH_KEY } from "../support/test-env.ts";
import { mintToken } from "../support/tokens.ts";
import { startTidings } from "../support/workerd.ts";
import { benchEvent } from "./event.ts";
import { call } from "./load-client.ts";
import type { BenchChannel, Target } from "./targets.ts";

/** The service itself, as each measurement uses it. */

const WITHOUT_RATE_LIMITS = { RATE_LIMITS: "off" };
const EVENTS_IN_BATCH = 250;

function send(url: string, method: "POST" | "PUT", path: string, body: unknown): Promise<string> {
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}`, "Content-Type": "application/json" };
  return call(url, { method, path, headers, body: JSON.stringify(body) });
}

/** Measures order channels, because they check and store the most: the owner, the snapshot and the history. */
export async function startOrdersTarget(): Promise<Target> {
  const worker = await startTidings(WITHOUT_RATE_LIMITS, undefined, { isQuiet: true });
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    openChannel: (listeners) => openOrder(worker.url, randomUUID(), listeners),
  };
}

async function openOrder(url: string, id: string, listeners: number): Promise<BenchChannel> {
  await send(url, "PUT", orderPath(id), { user_id: "bench", status: "pending", payment_status: "pending" });
  const channel = orderChannelName(id);
  // Each listener has a token of its own, as different users do.
  const tokens = Array.from({ length: listeners }, (_, jti) =>
    mintToken({ subject: "bench", expiresIn: 3600, claims: { jti: `${id}-${jti}` } }),
  );
  return {
    socketPaths: (await Promise.all(tokens)).map((token) => `${socketPath(channel)}?token=${token}`),
    publish: (seq) => send(url, "POST", publishPath(channel), benchEvent(id, seq)),
    burstSubprotocol: SUBPROTOCOL,
    async burst(first, count) {
      const events = Array.from({ length: count }, (_, i) => ({ channel, ...benchEvent(id, first + i) }));
      for (let sent = 0; sent < count; sent += EVENTS_IN_BATCH) {
        await send(url, "POST", BATCH_PATH, { events: events.slice(sent, sent + EVENTS_IN_BATCH) });
      }
    },
  };
}

/** Measures the products channel: each listener wants a product of its own, and events are about another one. */
export async function startProductsTarget(): Promise<Target> {
  const worker = await startTidings(WITHOUT_RATE_LIMITS, undefined, { isQuiet: true });
  return {
    url: worker.url,
    pids: [worker.pid],
    stop: () => worker.stop(),
    async openChannel(listeners) {
      const tokens = Array.from({ length: listeners }, (_, i) => mintToken({ subject: `bench-${i}`, expiresIn: 3600 }));
      const data = { product_id: "p-unwanted", new_quantity: 5 };
      return {
        socketPaths: (await Promise.all(tokens)).map(
          (token, i) => `${socketPath(PRODUCTS_CHANNEL)}?token=${token}&product_id=p-${i}`,
        ),
        publish: () => send(worker.url, "POST", publishPath(PRODUCTS_CHANNEL), { type: "inventory_updated", data }),
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
      return { socketPaths, publish };
    },
  };
}
