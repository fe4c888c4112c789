import { vi } from "vitest";

/**
 * Waits until a condition holds, however slow the machine is.
 * @param condition Throws while it does not hold, as `expect` does.
 */
export function eventually<T>(condition: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(condition, { timeout: 15_000, interval: 50 });
}
