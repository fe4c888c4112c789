import { fullJitter } from "../../protocol/backoff.ts";
import { MAX_TIMER_MS } from "../../protocol/platform-limits.ts";
import { PublishError } from "./publish-error.ts";

export interface RetryOptions {
  /** The maximum number of attempts per event. Default 20: usually, the deadline comes first. */
  maxTries?: number | undefined;
  /** How long to keep trying, in milliseconds from the call. Default 30,000. */
  deadlineMs?: number | undefined;
}

export const DEFAULT_MAX_TRIES = 20;
export const DEFAULT_DEADLINE_MS = 30_000;

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/**
 * Refuses limits that are negative or not numbers: `Number(process.env.UNSET)` is NaN, and a timer of NaN fires at once.
 * @throws {TypeError}
 */
export function refuseBadLimits(limits: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(limits)) {
    const isGood = value === undefined || (typeof value === "number" && value >= 0);
    if (!isGood) throw new TypeError(`${name} must be a number, 0 or more`);
  }
}

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
      const waitMs = (error.retryAfterMs ?? 0) + backoffMs(failures);
      // Fail now rather than after a wait for a try that will not be made.
      if (Date.now() + waitMs >= deadline || waitMs > MAX_TIMER_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      // The wait may have taken longer. This error says more than that there was no time left.
      if (Date.now() >= deadline) throw error;
    }
  }
}

/** Returns how long to wait, in milliseconds. @param failures How many there were before the last one. */
export const backoffMs = (failures: number) => fullJitter(failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS);

/** Parses `Retry-After`, seconds or a date (RFC 9110, section 10.2.3). @returns Milliseconds from `now`, or null. */
export function parseRetryAfter(text: string | null, now: number): number | null {
  const value = text?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // `Date.parse` finds dates in much else, such as "1.5" or "-5".
  if (!/\d:\d\d:\d\d/.test(value)) return null;
  // The oldest of the three formats of a date does not say that it is GMT.
  const date = Date.parse(value.endsWith("GMT") ? value : `${value} GMT`);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
