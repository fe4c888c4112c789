import { fullJitter } from "../../protocol/backoff.ts";
import { PublishError } from "./publish-error.ts";

export interface RetryOptions {
  /** The maximum number of attempts per event. Default 5. */
  maxTries?: number | undefined;
  /** How long to keep trying, in milliseconds from the call. Default 30,000. */
  deadlineMs?: number | undefined;
}

export const DEFAULT_MAX_TRIES = 5;
export const DEFAULT_DEADLINE_MS = 30_000;

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/**
 * Retries until an attempt succeeds or fails for good, or until attempts or time run out. Between attempts it waits for
 * the time that the service asks for, plus full jitter.
 * @param deadline When to give up, in milliseconds since 1970.
 * @param attempt Throws a `PublishError`, whose `isRetryable` decides whether to try again.
 */
export async function withRetries<T>(maxTries: number, deadline: number, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PublishError) || !error.isRetryable || failures + 1 >= maxTries) throw error;
      const waitMs = (error.retryAfterMs ?? 0) + fullJitter(failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
      // Fail now if the next attempt would come too late.
      if (Date.now() + waitMs >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** Parses `Retry-After`, seconds or a date (RFC 9110, section 10.2.3). @returns Milliseconds from `now`, or null. */
export function parseRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
