import { env } from "cloudflare:workers";

/**
 * Vitest setup file: replaces the emulated rate limiter. Miniflare counts in windows of the wall clock, so the counts
 * of a test that runs across a full minute would start over. Here a window never ends while a test file runs.
 */

/** What an emulated binding holds; see Miniflare's `workers/ratelimit`. */
interface EmulatedLimiter {
  limitVal: number;
  period: number;
}

const counts = new Map<string, number>();

// The bindings of the service and of the tests are different instances of one class.
Object.getPrototypeOf(env.CONNECTS_PER_ADDRESS).limit = async function (
  this: EmulatedLimiter,
  { key }: { key: string },
) {
  const counter = `${this.limitVal} per ${this.period} s: ${key}`;
  const count = (counts.get(counter) ?? 0) + 1;
  counts.set(counter, count);
  return { success: count <= this.limitVal };
};
