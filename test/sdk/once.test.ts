import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { onceAcrossTabs } from "../../src/sdk/tabs/once.ts";

/**
 * Side effects of several tabs. Node has Web Locks, so each call here acts as a tab; the cache, which Node lacks, is shared.
 * `test/browser/tabs.test.ts` does the same in browsers.
 */

beforeEach(() => {
  const entries = new Map<string, string>();
  const cache = {
    match: async (address: string) => (entries.has(address) ? new Response(entries.get(address)) : undefined),
    put: async (address: string, response: Response) => void entries.set(address, await response.text()),
  };
  vi.stubGlobal("caches", { open: async () => cache });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});
const key = () => crypto.randomUUID();

test("a side effect runs in one tab only", async () => {
  const effect = vi.fn();
  const id = key();
  const ran = await Promise.all([1, 2, 3].map(() => onceAcrossTabs(id, effect)));
  expect(ran.filter(Boolean)).toHaveLength(1);
  expect(effect).toHaveBeenCalledTimes(1);
});

test("a tab that receives 250 events after a nap repeats none of their side effects", { timeout: 30_000 }, async () => {
  const ids = Array.from({ length: 250 }, key);
  const effect = vi.fn();
  for (const id of ids) await onceAcrossTabs(id, effect);
  for (const id of ids) expect(await onceAcrossTabs(id, effect)).toBe(false);
  expect(effect).toHaveBeenCalledTimes(250);
  // A day later, the service has forgotten the events, too.
  const now = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => now + 86_400_001);
  expect(await onceAcrossTabs(String(ids[0]), effect)).toBe(true);
});

test("a side effect that throws is run by the next tab", async () => {
  const id = key();
  const first = onceAcrossTabs(id, async () => {
    throw new Error("the sound is blocked");
  });
  const effect = vi.fn();
  const second = onceAcrossTabs(id, effect);
  await expect(first).rejects.toThrow("the sound is blocked");
  expect(await second).toBe(true);
  expect(await onceAcrossTabs(id, effect)).toBe(false);
  expect(effect).toHaveBeenCalledTimes(1);
});

test("without storage, tabs that receive the event at the same time still run it once", async () => {
  vi.stubGlobal("caches", undefined);
  const effect = vi.fn();
  const id = key();
  const ran = await Promise.all([1, 2].map(() => onceAcrossTabs(id, effect)));
  expect(ran.filter(Boolean)).toHaveLength(1);
});
