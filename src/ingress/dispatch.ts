import pMap from "p-map";
import { channelStub } from "../channels/directory.ts";
import type { Env } from "../config.ts";
import type { AcceptedEvent, PublishResult } from "../protocol/publish.ts";
import { logFault } from "../telemetry/log.ts";

/** The one door: however an event came in, once it is checked it goes from here to its channel. */

/** An invocation may wait for six answers at a time (Workers platform limits). */
const MAX_CHANNELS_AT_ONCE = 6;
const MAX_TRIES = 3;
const FIRST_BACKOFF_MS = 50;

export type Dispatched = { ok: true; result: PublishResult } | { ok: false; reason: "id_conflict" | "unavailable" };

/**
 * Hands events to their channels, each channel's together and in order; a channel that fails fails alone.
 * @returns One result an event, in the order of the events.
 */
export async function dispatch(env: Env, events: AcceptedEvent[]): Promise<Dispatched[]> {
  const results = new Array<Dispatched>(events.length);
  const channels = Map.groupBy(events.entries(), ([, event]) => event.channel);
  await pMap(
    channels,
    async ([channel, indexed]) => {
      const dispatched = await deliver(
        env,
        channel,
        indexed.map(([, event]) => event),
      );
      for (const [i, [index]] of indexed.entries())
        results[index] = dispatched[i] ?? { ok: false, reason: "unavailable" };
    },
    { concurrency: MAX_CHANNELS_AT_ONCE },
  );
  return results;
}

/** Tries again what failed in passing. That is safe: every event has its id by now, and a channel takes an id once. */
async function deliver(env: Env, channel: string, events: AcceptedEvent[]): Promise<Dispatched[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      // A stub that has thrown stays broken, so each try asks for a new one.
      const deliveries = (await channelStub(env, channel)?.deliver(events)) ?? [];
      return events.map((event, i): Dispatched => {
        const delivery = deliveries[i];
        if (!delivery) return { ok: false, reason: "unavailable" };
        if (delivery.status === "conflict") return { ok: false, reason: "id_conflict" };
        const outcome = delivery.status === "stale" ? { ...delivery, seq: null, receivers: 0 } : delivery;
        return { ok: true, result: { id: event.id, channel: event.channel, ...outcome } };
      });
    } catch (error) {
      if (attempt === MAX_TRIES || !isPassing(error)) {
        logFault("deliver", error, { channel });
        return events.map(() => ({ ok: false, reason: "unavailable" }));
      }
      await scheduler.wait(Math.random() * FIRST_BACKOFF_MS * 2 ** attempt);
    }
  }
}

/** The platform marks its errors: `retryable` may be tried again, `overloaded` must not be tried at once. */
function isPassing(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}
