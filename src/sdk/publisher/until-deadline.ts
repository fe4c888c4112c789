import { MAX_TIMER_MS } from "../../protocol/platform-limits.ts";

/**
 * Waits for work until the deadline, even if the work ignores its signal: a Redis client may wait forever for an
 * unreachable Redis, and so may a function supplied by the user.
 * @param deadline Milliseconds since 1970.
 * @param work Its signal aborts at the deadline. Its result after that is ignored.
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
