import pMap from "p-map";
import { configOf, type RedisConfig } from "../config/config.ts";
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
  const undelivered = events.filter((_, i) => outcomes[i]?.status === "unavailable");
  if (!redis || undelivered.length === 0) return outcomes;
  try {
    await queue(redis, undelivered);
  } catch (error) {
    // Some or all may have been queued. Publishing all of them again is safe if the publisher gave them ids.
    logFault("queue", error, { channel, request_id: requestId, events: undelivered.length });
    return outcomes;
  }
  return outcomes.map((outcome) => (outcome.status === "unavailable" ? { ...outcome, status: "queued" } : outcome));
}

/** Stops at the first entry that Redis refuses: a later one would overtake it. `ARGV` has each entry after its number of words. */
const ADD_ENTRIES = `
local first = 1
while ARGV[first] do
  local last = first + ARGV[first]
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, first + 1, last))
  first = last + 1
end`;

/** Adds events to the stream, in one request, and rings the doorbell. @throws {RedisError} */
async function queue(redis: RedisConfig, events: AcceptedEvent[]): Promise<void> {
  const client = new RedisClient(redis);
  const words = events.map((event) => entryFields(event).flat()).flatMap((entry) => [entry.length, ...entry]);
  await client.command("EVAL", ADD_ENTRIES, 1, redis.stream, ...words);
  // Best effort: without the doorbell, the relay finds the entries a little later.
  await client.command("PUBLISH", DOORBELL, "1").catch(() => {});
}

const unavailable = ({ id, channel }: AcceptedEvent): PublishOutcome => ({ id, channel, status: "unavailable" });
