/** The longest time that a timer takes; with a longer one it fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits for work, and no longer than until the deadline, whether or not the work listens to the signal: a Redis client
 * may wait for ever for a Redis that is away, and so may a function that the publisher was given.
 * @param deadline As `Date.now()` counts.
 * @param work Its signal is aborted at the deadline. What it comes to after that is nobody's business.
 * @throws {DOMException} a `TimeoutError` at the deadline.
 */
export async function untilDeadline<T>(
  deadline: number,
  work: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const waitMs = Math.min(Math.max(1, deadline - Date.now()), MAX_TIMER_MS);
    timer = setTimeout(() => {
      const error = new DOMException("no answer in time", "TimeoutError");
      reject(error);
      controller.abort(error);
    }, waitMs);
  });
  try {
    return await Promise.race([work(controller.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
