import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Env } from "../../../src/config/env.ts";
import { Registries } from "../../../src/ingress/redis/registries.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** @param answer What each registry says to the question whether it has listeners. */
const registriesThat = (answer: () => Promise<boolean>) =>
  new Registries({ CHANNEL_REGISTRY: { getByName: () => ({ hasListeners: answer }) } } as unknown as Env);

test("there are listeners if a registry says so, or fails to say", async () => {
  expect(await registriesThat(async () => true).hasListeners()).toBe(true);
  expect(await registriesThat(async () => false).hasListeners()).toBe(false);
  expect(await registriesThat(() => Promise.reject(new Error("it fails for the test"))).hasListeners()).toBe(true);
});

test("a registry that hangs is taken to have listeners, after ten seconds", async () => {
  const answered = vi.fn();
  void registriesThat(() => new Promise(() => {}))
    .hasListeners()
    .then(answered);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(answered).toHaveBeenCalledWith(true);
});
