import { vi } from "vitest";

/** Stops the service's clock, which is the tests' clock; timers go on. Undo with `vi.useRealTimers()`. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
}

export function advanceClock(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}
