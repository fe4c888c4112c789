import { vi } from "vitest";

/**
 * Waits until a condition holds, however slow the machine is.
 * @param condition Throws while it does not hold, as `expect` does.
 * @param timeout In milliseconds; longer where the service itself needs longer.
 */
export function eventually<T>(condition: () => T | Promise<T>, timeout = 30_000): Promise<T> {
  return vi.waitFor(condition, { timeout, interval: 50 });
}
