import { vi } from "vitest";

/** Stops the clock that the service and the tests share; timers keep running. Undo with `vi.useRealTimers()`. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
}

/** Moves the stopped clock. */
export function advanceClock(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}
