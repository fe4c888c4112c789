import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { disconnectAll } from "../../../../../src/channels/products/shards/disconnect.ts";

/** `disconnect` at every shard. */

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const shards = (count: number) => Array.from({ length: count }, (_, n) => `shard ${n}`);

test("the sockets of all shards are closed and counted, at most six shards at a time", async () => {
  let [running, most] = [0, 0];
  const closed = disconnectAll(shards(20), async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 100));
    running--;
    return 3;
  });
  await vi.runAllTimersAsync();
  expect(await closed).toBe(60);
  expect(most).toBe(6);
});

test("a hundred shards that hang delay the answer by 20 s at most, and no other shard is left out", async () => {
  const started = Date.now();
  const called: string[] = [];
  const outcome = disconnectAll([...shards(100), "the one that answers"], (shard) => {
    called.push(shard);
    return shard === "the one that answers" ? Promise.resolve(1) : new Promise(() => {});
  }).catch((error: Error) => ({ error, after: Date.now() - started }));
  await vi.runAllTimersAsync();
  const { error, after } = (await outcome) as { error: Error; after: number };
  expect(called).toContain("the one that answers");
  expect(error.message).toMatch(/^unreachable: shard 0, .*shard 99$/);
  expect(after).toBeLessThanOrEqual(20_000);
});
