import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OBJECT_CALL_TIMEOUT_MS, withinTimeLimit } from "../../../src/runtime/time-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => {});

describe("work with a time limit", () => {
  test("returns what it returns, and leaves no timer that would keep an object awake", async () => {
    expect(await withinTimeLimit(Promise.resolve("done"))).toBe("done");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("fails as it fails, and leaves no timer either", async () => {
    await expect(withinTimeLimit(Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("fails at the limit, and not before", async () => {
    const outcome = withinTimeLimit(never).catch(({ message }) => message);
    await vi.advanceTimersByTimeAsync(OBJECT_CALL_TIMEOUT_MS - 1);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toBe("no answer within 10000 ms");
  });

  test("returns at the limit what the caller wants instead", async () => {
    const outcome = withinTimeLimit(never, 50, () => "late");
    await vi.advanceTimersByTimeAsync(50);
    expect(await outcome).toBe("late");
  });
});
