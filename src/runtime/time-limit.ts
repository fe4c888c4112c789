/** How long a call between two of the service's objects may take. It may still be executed after that. */
export const OBJECT_CALL_TIMEOUT_MS = 10_000;

/**
 * Waits for work, but no longer than a time limit; the work itself goes on. Clears its timer as soon as the work ends,
 * because a pending timer keeps an object awake; `AbortSignal.timeout` would leave it running.
 * @param atLimit What to return at the limit. Default: throws `no answer within … ms`.
 */
export async function withinTimeLimit<T, L = never>(
  work: Promise<T>,
  limitMs = OBJECT_CALL_TIMEOUT_MS,
  atLimit: () => L = () => {
    throw new Error(`no answer within ${limitMs} ms`);
  },
): Promise<T | L> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, limitMs);
  try {
    return await Promise.race([work, limit.promise.then(atLimit)]);
  } finally {
    clearTimeout(timer);
  }
}
