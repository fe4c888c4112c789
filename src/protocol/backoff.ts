/** More doublings would exceed any maximum in use, and eventually overflow. */
const MAX_DOUBLINGS = 16;

/**
 * Returns how long to wait before a retry, with full jitter: a random time below a ceiling that doubles with every
 * failure, so that clients that failed together do not retry together.
 * @param failures Earlier failures: each doubles the ceiling.
 * @param baseMs The ceiling without earlier failures.
 * @param maxMs The highest ceiling.
 * @param random From 0 to less than 1.
 * @returns Milliseconds.
 */
export function fullJitter(failures: number, baseMs: number, maxMs: number, random = Math.random()): number {
  return backoffCeiling(failures, baseMs, maxMs) * random;
}

/** Returns the ceiling in milliseconds, as a wait without jitter. Use it only where a single caller retries. */
export function backoffCeiling(failures: number, baseMs: number, maxMs: number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(failures, MAX_DOUBLINGS));
}
