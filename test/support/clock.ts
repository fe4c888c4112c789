import { vi } from "vitest";

/** Stops the clock that the service and the tests share; timers keep running. Undo with `vi.useRealTimers()`. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
}

/** Moves the stopped clock. */
export function advanceClock(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}

/**
 * Replaces all timers, `scheduler.wait` included, by ones that `vi.advanceTimersByTimeAsync` moves. For Node, which has no
 * `scheduler`. Undo with `vi.useRealTimers()` and `vi.unstubAllGlobals()`.
 */
export function fakeTimers(): void {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 25) });
  vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
}

/** Lets the clock run, and returns a function that sets it forward. Undo with `vi.restoreAllMocks()`. */
export function shiftClock(): (milliseconds: number) => void {
  const realNow = Date.now.bind(Date);
  let offset = 0;
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + offset);
  return (milliseconds) => {
    offset += milliseconds;
  };
}
