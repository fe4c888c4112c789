/**
 * Takes one token from a bucket.
 * @param tokens Tokens left after the previous one was taken.
 * @param elapsedMs Time since then, or since the bucket was full.
 * @param limit How many tokens the bucket holds, and gains per second.
 * @returns The tokens left, or null when the bucket is empty.
 */
export function takeToken(
  tokens: number,
  elapsedMs: number,
  { burst, perSecond }: { burst: number; perSecond: number },
): number | null {
  const refilled = tokens + (Math.max(elapsedMs, 0) / 1000) * perSecond;
  const left = Math.min(refilled, burst) - 1;
  return left < 0 ? null : left;
}
