import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Reporter } from "../../../src/telemetry/reporter.ts";
import { fakeTimers } from "../../support/clock.ts";

/** When an object reports what it counted, without a timer. */

const BURST = 3;
const INTERVAL_MS = 2000;

beforeEach(() => {
  fakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function untimedReporter(send = async () => {}) {
  const sent = vi.fn(send);
  const left = vi.fn();
  const reporter = new Reporter(sent, left, { burst: BURST, waits: false });
  const change = async (isUrgent = false) => {
    const pending: Promise<unknown>[] = [];
    reporter.schedule((promise) => pending.push(promise), isUrgent);
    await Promise.all(pending);
    expect(vi.getTimerCount()).toBe(0);
  };
  return { reporter, sent, left, change };
}

test("changes are reported at once, up to a burst; what is left goes with a later change", async () => {
  const { reporter, sent, left, change } = untimedReporter();
  for (let n = 0; n < BURST; n++) await change();
  expect(sent).toHaveBeenCalledTimes(BURST);
  expect(left).not.toHaveBeenCalled();
  await change();
  await change();
  expect(sent).toHaveBeenCalledTimes(BURST);
  expect(left).toHaveBeenCalledTimes(2);
  expect(reporter.hasNews).toBe(true);
  vi.setSystemTime(Date.now() + INTERVAL_MS);
  await change();
  expect(sent).toHaveBeenCalledTimes(BURST + 1);
  expect(reporter.hasNews).toBe(false);
});

test("an urgent change is reported at once in any case", async () => {
  const { sent, change } = untimedReporter();
  for (let n = 0; n <= BURST; n++) await change();
  await change(true);
  expect(sent).toHaveBeenCalledTimes(BURST + 1);
});

test("a report that fails is left, and repeated with the next change", async () => {
  const { sent, left, change } = untimedReporter(async () => {
    throw new Error("unreachable for the test");
  });
  await change();
  expect(left).toHaveBeenCalledTimes(1);
  sent.mockResolvedValue();
  vi.setSystemTime(Date.now() + INTERVAL_MS);
  await change();
  expect(sent).toHaveBeenCalledTimes(2);
  expect(left).toHaveBeenCalledTimes(1);
});

test("a clock that was set back delays nothing", async () => {
  const { sent, change } = untimedReporter();
  await change();
  vi.setSystemTime(Date.now() - 3_600_000);
  for (let n = 0; n < BURST; n++) await change();
  expect(sent).toHaveBeenCalledTimes(1 + BURST);
});
