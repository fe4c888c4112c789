import { channelStub } from "../channels/directory.ts";
import type { Env } from "../config.ts";
import type { AcceptedEvent, PublishResult, Source } from "../protocol/publish.ts";
import { logFault } from "../telemetry/log.ts";

const MAX_TRIES = 3;
const FIRST_BACKOFF_MS = 50;
/** A channel that has not answered by then counts as unreachable. It may still take the events: their ids tell. */
const TIMEOUT_MS = 10_000;

export type Delivered = { ok: true; result: PublishResult } | { ok: false; reason: "id_conflict" | "unavailable" };

/**
 * Hands events to their channel, in order, and tries again what failed in passing. That is safe: every event has its
 * id by now, and a channel takes an id once.
 * @returns One result an event, in the order of the events.
 */
export async function deliver(
  env: Env,
  channel: string,
  events: AcceptedEvent[],
  source: Source,
): Promise<Delivered[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      // A stub that has thrown stays broken, so each try asks for a new one.
      const deliveries = (await inTime(channelStub(env, channel)?.deliver(events, source))) ?? [];
      return events.map((event, i): Delivered => {
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

async function inTime<T>(answer: Promise<T> | undefined): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
}
