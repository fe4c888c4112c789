import { fullJitter } from "../../protocol/backoff.ts";
import { PublishError } from "./publish-error.ts";

export interface RetryOptions {
  /** How often an event is tried at most. Default 5. */
  maxTries?: number | undefined;
  /** How long after the call an event is given up, in milliseconds. Default 30,000. */
  deadlineMs?: number | undefined;
}

export const DEFAULT_MAX_TRIES = 5;
export const DEFAULT_DEADLINE_MS = 30_000;

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/**
 * Retries until a try succeeds, fails for good, or tries or time run out. Waits with full jitter between tries, on top
 * of the time that the service asks for.
 * @param deadline The time of the last possible try, in milliseconds since 1970.
 * @param attempt Throws a `PublishError` whose `isRetryable` allows another try.
 */
export async function withRetries<T>(maxTries: number, deadline: number, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PublishError) || !error.isRetryable || failures + 1 >= maxTries) throw error;
      const waitMs = (error.retryAfterMs ?? 0) + fullJitter(failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);
      // Fail now rather than after a wait for a try that will not be made.
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
