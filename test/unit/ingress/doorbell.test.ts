import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RedisClient } from "../../../src/ingress/redis/client.ts";
import { Doorbell } from "../../../src/ingress/redis/doorbell.ts";
import { silence } from "../../support/leak-guard/console.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("a subscription that failed is tried again after half a minute, not with every poll", async () => {
  const faults = silence("error");
  const subscribe = vi
    .fn()
    .mockRejectedValueOnce(new Error("it fails for the test"))
    .mockResolvedValue(() => {});
  const doorbell = new Doorbell({ subscribe } as unknown as RedisClient, () => {});
  await doorbell.subscribe();
  vi.advanceTimersByTime(29_000);
  await doorbell.subscribe();
  expect(subscribe).toHaveBeenCalledOnce();
  expect(faults).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(1000);
  await doorbell.subscribe();
  expect(subscribe).toHaveBeenCalledTimes(2);
});
