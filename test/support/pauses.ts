import { vi } from "vitest";

/**
 * The service collects what it reports and saves: it pauses for seconds between two reports (`src/telemetry/reporter.ts`)
 * and two saves (`src/registry/channel-registry.ts`). It runs in the same isolate as the tests, so they can change how
 * long `scheduler.wait` takes.
 */

/** A pause of its real length. */
export const realWait = scheduler.wait.bind(scheduler);
/** By how much pauses are shortened. Tests wait for what happens after a pause, never for the pause itself. */
const SPEED_UP = 1000;

/** Makes every pause of the service in this file a thousand times shorter. */
export function shortenPauses(): void {
  scheduler.wait = (milliseconds, options) => realWait(milliseconds / SPEED_UP, options);
}

/** Gives the service its real pauses until `vi.restoreAllMocks()`. */
export function useRealPauses(): void {
  vi.spyOn(scheduler, "wait").mockImplementation(realWait);
}

/**
 * Holds the service in its next pause, so that everything a test does until the release falls into that pause.
 * @returns Ends all pauses, current and future ones, until `vi.restoreAllMocks()`.
 */
export function holdPauses(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  vi.spyOn(scheduler, "wait").mockReturnValue(promise);
  return resolve;
}

/** Makes one time limit of the service, in milliseconds, a thousand times shorter, until `vi.restoreAllMocks()`. */
export function shortenTimeLimit(limitMs: number): void {
  const setRealTimeout = setTimeout;
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((callback: () => void, milliseconds = 0) =>
    setRealTimeout(callback, milliseconds / (milliseconds === limitMs ? SPEED_UP : 1))) as typeof setTimeout);
}
