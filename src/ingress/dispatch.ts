import pMap from "p-map";
import { configOf } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import type { ChannelName } from "../protocol/names.ts";
import { MAX_CONCURRENT_CALLS } from "../protocol/platform-limits.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { DOORBELL, entryFields } from "../protocol/stream.ts";
import { logFault } from "../telemetry/log.ts";
import { deliverToChannel } from "./deliver.ts";
import { RedisClient } from "./redis/client.ts";

/**
 * Delivers the events of one publish call to their channels. Each channel receives its events together and in order. A
 * failing channel affects no other; with Redis, its events are queued in the stream.
 * @param requestId The publish call, for the log.
 * @returns One outcome per event, in the order of the events.
 */
export async function dispatch(
  env: Env,
  events: AcceptedEvent[],
  source: Source,
  requestId?: string,
): Promise<PublishOutcome[]> {
  const [first] = events;
  // Nearly every call is about one channel.
  if (first && events.every(({ channel }) => channel === first.channel)) {
    return deliverOrQueue(env, first.channel, events, source, requestId);
  }
  const outcomeOf = new Map<AcceptedEvent, PublishOutcome>();
  await pMap(
    Map.groupBy(events, ({ channel }) => channel),
    async ([channel, own]) => {
      const outcomes = await deliverOrQueue(env, channel, own, source, requestId);
      for (const [i, event] of own.entries()) outcomeOf.set(event, outcomes[i] ?? unavailable(event));
    },
    { concurrency: MAX_CONCURRENT_CALLS },
  );
  return events.map((event) => outcomeOf.get(event) ?? unavailable(event));
}

/** Delivers events to their channel, and queues those that were not delivered. */
async function deliverOrQueue(
  env: Env,
  channel: ChannelName,
  events: AcceptedEvent[],
  source: Source,
  requestId: string | undefined,
): Promise<PublishOutcome[]> {
  const delivery = await deliverToChannel(env, channel, events, source, requestId);
  const outcomes = delivery.isDelivered ? delivery.outcomes : events.map(unavailable);
  const { redis } = configOf(env);
  if (!redis || outcomes.every(({ status }) => status !== "unavailable")) return outcomes;
  const client = new RedisClient(redis);
  const changed: PublishOutcome[] = [];
  let isFailing = false;
  for (const [i, event] of events.entries()) {
    let outcome = outcomes[i] ?? unavailable(event);
    if (outcome.status === "unavailable" && !isFailing) {
      outcome = await queue(client, redis.stream, event, requestId);
      // No later event is queued then: it would overtake this one, and wait as long for Redis.
      isFailing = outcome.status === "unavailable";
    }
    changed.push(outcome);
  }
  // Best effort: without the doorbell, the relay finds the entries a little later.
  const isAnyQueued = changed.some(({ status }) => status === "queued");
  if (isAnyQueued) await client.command("PUBLISH", DOORBELL, "1").catch(() => {});
  return changed;
}

async function queue(
  client: RedisClient,
  stream: string,
  event: AcceptedEvent,
  requestId: string | undefined,
): Promise<PublishOutcome> {
  const { id, channel } = event;
  try {
    await client.command("XADD", stream, "*", ...entryFields(event).flat());
    return { id, channel, status: "queued" };
  } catch (error) {
    logFault("queue", error, { channel, request_id: requestId });
    return unavailable(event);
  }
}

const unavailable = ({ id, channel }: AcceptedEvent): PublishOutcome => ({ id, channel, status: "unavailable" });
