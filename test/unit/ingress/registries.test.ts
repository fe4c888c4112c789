import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Env } from "../../../src/config/env.ts";
import { Registries } from "../../../src/ingress/redis/registries.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** @param answer What each registry says to the question whether it has listeners. */
const registriesThat = (answer: (name: string) => Promise<boolean>) =>
  new Registries({
    CHANNEL_REGISTRY: { getByName: (name: string) => ({ hasListeners: () => answer(name) }) },
  } as unknown as Env);

test("there are listeners if a registry says so, or fails to say", async () => {
  expect(await registriesThat(async () => true).hasListeners()).toBe(true);
  expect(await registriesThat(async () => false).hasListeners()).toBe(false);
  expect(await registriesThat(() => Promise.reject(new Error("it fails for the test"))).hasListeners()).toBe(true);
});

test("a registry that hangs is taken to have listeners, after ten seconds", async () => {
  const answered = vi.fn();
  const registries = registriesThat(async (name) => (name === "registry-0" ? new Promise(() => {}) : false));
  void registries.hasListeners().then(answered);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(answered).toHaveBeenCalledWith(true);
});

test("registries that all hang cost twenty seconds", async () => {
  const answered = vi.fn();
  void registriesThat(() => new Promise(() => {}))
    .hasListeners()
    .then(answered);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(answered).toHaveBeenCalledWith(true);
});

test("a registry that hangs is no longer asked first once another has listeners", async () => {
  const registries = registriesThat((name) =>
    name === "registry-0" ? new Promise(() => {}) : Promise.resolve(name === "registry-3"),
  );
  const answered = vi.fn();
  void registries.hasListeners().then(answered);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(answered).toHaveBeenCalledWith(true);
  void registries.hasListeners().then(answered);
  await vi.advanceTimersByTimeAsync(0);
  expect(answered).toHaveBeenCalledTimes(2);
});
