/** Doublings beyond this would exceed any maximum in use, and eventually overflow. */
const MAX_DOUBLINGS = 16;

/**
 * Returns how long to wait before a retry, with full jitter: a random time below a ceiling that doubles with every
 * failure, so that clients which failed together do not retry together.
 * @param failures Failures so far, from 0.
 * @param random From 0 up to 1.
 * @returns Milliseconds.
 */
export function fullJitter(failures: number, baseMs: number, maxMs: number, random = Math.random()): number {
  return backoffCeiling(failures, baseMs, maxMs) * random;
}

/** Returns the ceiling itself, for a single client of its kind, which has no crowd to spread out from. */
export function backoffCeiling(failures: number, baseMs: number, maxMs: number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(failures, MAX_DOUBLINGS));
}
