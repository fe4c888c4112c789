import { PublishError } from "./publish-error.ts";

/** When a failed try is followed by another one. */

export interface RetryOptions {
  /** How often an event is tried at most. Default 5. */
  maxTries?: number | undefined;
  /** How long after the call nothing more is tried, in milliseconds. Default 30,000. */
  deadlineMs?: number | undefined;
}

export const DEFAULT_MAX_TRIES = 5;
export const DEFAULT_DEADLINE_MS = 30_000;

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/**
 * Tries until it succeeds, until a failure is no passing one, or until tries or time run out. The waits between are
 * random from zero up to a bound that doubles ("full jitter"), so that many publishers do not come back in step; what
 * the service asks to wait comes on top.
 * @param deadline When nothing more is tried, as `Date.now()` counts.
 * @param attempt Throws a `PublishError` that says whether another try makes sense.
 */
export async function withRetries<T>(maxTries: number, deadline: number, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PublishError) || !error.isRetryable || tries >= maxTries) throw error;
      const jitterMs = Math.random() * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (tries - 1));
      const waitMs = (error.retryAfterMs ?? 0) + jitterMs;
      // To wait for a try that will not be made would only keep the caller from knowing.
      if (Date.now() + waitMs >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** @returns What `Retry-After` asks for in milliseconds: seconds or a date (RFC 9110, section 10.2.3); null if nothing. */
export function parseRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
