import pMap from "p-map";
import { configOf, type Env } from "../config.ts";
import type { AcceptedEvent, PublishResult, Queued, Source } from "../protocol/publish.ts";
import { DOORBELL, entryFields } from "../protocol/stream.ts";
import { logFault } from "../telemetry/log.ts";
import { type Delivered, deliver } from "./deliver.ts";
import { RedisClient } from "./redis/client.ts";

/** The one door: however an event came in, once it is checked it goes from here to its channel. */

/** An invocation may wait for six answers at a time (Workers platform limits). */
const MAX_CHANNELS_AT_ONCE = 6;

export type Dispatched =
  | { ok: true; result: PublishResult | Queued }
  | { ok: false; reason: "id_conflict" | "unavailable" };

/**
 * Hands events to their channels, each channel's together and in order; a channel that fails fails alone, and with
 * Redis its events wait there.
 * @returns One result an event, in the order of the events.
 */
export async function dispatch(env: Env, events: AcceptedEvent[], source: Source): Promise<Dispatched[]> {
  const results = new Array<Dispatched>(events.length);
  const channels = Map.groupBy(events.entries(), ([, event]) => event.channel);
  await pMap(
    channels,
    async ([channel, indexed]) => {
      const own = indexed.map(([, event]) => event);
      const delivered = await queueUndelivered(env, own, await deliver(env, channel, own, source));
      for (const [i, [index]] of indexed.entries())
        results[index] = delivered[i] ?? { ok: false, reason: "unavailable" };
    },
    { concurrency: MAX_CHANNELS_AT_ONCE },
  );
  return results;
}

async function queueUndelivered(env: Env, events: AcceptedEvent[], delivered: Delivered[]): Promise<Dispatched[]> {
  const { redis } = configOf(env);
  if (!redis || delivered.every((result) => result.ok || result.reason !== "unavailable")) return delivered;
  const client = new RedisClient(redis);
  const results: Dispatched[] = [];
  for (const [i, result] of delivered.entries()) {
    const event = events[i];
    const isLost = !result.ok && result.reason === "unavailable" && event;
    results.push(isLost ? await queue(client, redis.stream, event) : result);
  }
  // A relay that does not hear the bell finds it by itself.
  await client.command("PUBLISH", DOORBELL, "1").catch(() => {});
  return results;
}

async function queue(client: RedisClient, stream: string, event: AcceptedEvent): Promise<Dispatched> {
  try {
    await client.command("XADD", stream, "*", ...entryFields(event).flat());
    return { ok: true, result: { id: event.id, channel: event.channel, status: "queued" } };
  } catch (error) {
    logFault("queue", error, { channel: event.channel });
    return { ok: false, reason: "unavailable" };
  }
}
