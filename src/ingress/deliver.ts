import { channelStub } from "../channels/directory.ts";
import type { Env } from "../config/env.ts";
import { fullJitter } from "../protocol/backoff.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../protocol/publish.ts";
import { logFault } from "../telemetry/log.ts";

const MAX_ATTEMPTS = 3;
const BASE_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;
/** A channel that has not answered by then counts as unreachable. It may still apply the events: ids make a retry safe. */
const TIMEOUT_MS = 10_000;

/**
 * Delivers events to their channel, in order, and retries transient failures. Retrying is safe, because every event
 * has an id and a channel applies an id once.
 * @param requestId The request that published the events, for the log; none for the stream.
 * @returns One outcome per event, in the order of the events.
 */
export async function deliver(
  env: Env,
  channel: string,
  events: AcceptedEvent[],
  source: Source,
  requestId?: string,
): Promise<PublishOutcome[]> {
  for (let failures = 0; ; ) {
    try {
      // A stub that has thrown stays broken, so each attempt uses a new one.
      const stub = channelStub(env, channel);
      if (!stub) throw new Error("not a channel name");
      return await withTimeout(stub.deliver(events, source));
    } catch (error) {
      failures++;
      if (failures === MAX_ATTEMPTS || !isTransient(error)) {
        logFault("deliver", error, { channel, ...(requestId !== undefined && { request_id: requestId }) });
        return events.map(({ id, channel }) => ({ id, channel, status: "unavailable" }));
      }
      await scheduler.wait(fullJitter(failures - 1, BASE_BACKOFF_MS, MAX_BACKOFF_MS));
    }
  }
}

/** The platform marks errors that may be retried, and those that must not be because the object is overloaded. */
function isTransient(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}

async function withTimeout<T>(answer: Promise<T>): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  return Promise.race([answer, timeout.promise]).finally(() => clearTimeout(timer));
}
