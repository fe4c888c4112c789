import pMap from "p-map";
import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { MAX_CONCURRENT_CALLS } from "../protocol/platform-limits.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { DOORBELL, entryFields } from "../protocol/stream.ts";
import { logFault } from "../telemetry/log.ts";
import { deliver } from "./deliver.ts";
import { RedisClient } from "./redis/client.ts";

/**
 * Delivers validated events to their channels, whichever way they came in. Each channel receives its events together
 * and in order. A failing channel affects no other; with Redis, its events are queued in the stream.
 * @param requestId The request that published the events, for the log.
 * @returns One outcome per event, in the order of the events.
 */
export async function dispatch(
  env: Env,
  events: AcceptedEvent[],
  source: Source,
  requestId: string,
): Promise<PublishOutcome[]> {
  const outcomes: PublishOutcome[] = events.map(({ id, channel }) => ({ id, channel, status: "unavailable" }));
  const channels = Map.groupBy(events.entries(), ([, event]) => event.channel);
  await pMap(
    channels,
    async ([channel, indexed]) => {
      const own = indexed.map(([, event]) => event);
      const direct = await deliver(env, channel, own, source, requestId);
      const delivered = await queueUndelivered(env, own, direct, requestId);
      for (const [i, outcome] of delivered.entries()) {
        const index = indexed[i]?.[0];
        if (index !== undefined) outcomes[index] = outcome;
      }
    },
    { concurrency: MAX_CONCURRENT_CALLS },
  );
  return outcomes;
}

async function queueUndelivered(
  env: Env,
  events: AcceptedEvent[],
  outcomes: PublishOutcome[],
  requestId: string,
): Promise<PublishOutcome[]> {
  const { redis } = configOf(env);
  if (!redis || outcomes.every(({ status }) => status !== "unavailable")) return outcomes;
  const client = new RedisClient(redis);
  const queued: PublishOutcome[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    const event = events[i];
    const isQueueable = outcome.status === "unavailable" && event;
    queued.push(isQueueable ? await queue(client, redis.stream, event, requestId) : outcome);
  }
  // Errors do not matter: without the doorbell, the relay finds the entries a little later.
  await client.command("PUBLISH", DOORBELL, "1").catch(() => {});
  return queued;
}

async function queue(
  client: RedisClient,
  stream: string,
  event: AcceptedEvent,
  requestId: string,
): Promise<PublishOutcome> {
  const { id, channel } = event;
  try {
    await client.command("XADD", stream, "*", ...entryFields(event).flat());
    return { id, channel, status: "queued" };
  } catch (error) {
    logFault("queue", error, { channel, request_id: requestId });
    return { id, channel, status: "unavailable" };
  }
}
