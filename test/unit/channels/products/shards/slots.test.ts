import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Slots } from "../../../../../src/channels/products/shards/slots.ts";

/** Pushes that run at the same time. */

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Starts tasks that end when told to. */
function tasksOf(counts: { first: number; repeated: number } = { first: 6, repeated: 0 }) {
  const slots = new Slots(counts);
  const ends: (() => void)[] = [];
  const start = (lane: "first" | "repeated" = "first") =>
    void slots.run(lane, () => new Promise<void>((resolve) => ends.push(resolve)));
  return { start, ends };
}

test("six tasks run at once; the next one starts when one of them ends", async () => {
  const { start, ends } = tasksOf();
  for (let n = 0; n < 8; n++) start();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(6);
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(7);
});

test("tasks that hang delay the others by a second", async () => {
  const { start, ends } = tasksOf();
  for (let n = 0; n < 6; n++) start();
  start();
  await vi.advanceTimersByTimeAsync(999);
  expect(ends).toHaveLength(6);
  await vi.advanceTimersByTimeAsync(1);
  expect(ends).toHaveLength(7);
  // One that ends late does not give back its slot again.
  for (const end of ends.slice(0, 6)) end();
  for (let n = 0; n < 6; n++) start();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(12);
});

test("at most 64 tasks of all lanes are under way, however many hang", async () => {
  const { start, ends } = tasksOf({ first: 4, repeated: 2 });
  for (let n = 0; n < 100; n++) {
    start("first");
    start("repeated");
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ends).toHaveLength(64);
});

test("tasks that hang give up their slots once others that hung have ended", async () => {
  const { start, ends } = tasksOf();
  for (let n = 0; n < 74; n++) start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ends).toHaveLength(64);
  // Ten that gave up their slots; the six that hold one still hang.
  for (const end of ends.slice(0, 10)) end();
  await vi.advanceTimersByTimeAsync(1000);
  expect(ends).toHaveLength(70);
  await vi.advanceTimersByTimeAsync(1000);
  expect(ends).toHaveLength(74);
});

test("a task that fails gives its slot back", async () => {
  const slots = new Slots({ only: 1 });
  await expect(slots.run("only", () => Promise.reject(new Error("it fails for the test")))).rejects.toThrow("fails");
  expect(await slots.run("only", async () => "next")).toBe("next");
});
