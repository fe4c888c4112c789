import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PlainBudget } from "../../../../src/channels/listeners/plain-budget.ts";

const [a, b, c] = [{ name: "a" }, { name: "b" }, { name: "c" }];

describe("a plain client's budget", () => {
  test("ends at its limit and not before", () => {
    const budget = new PlainBudget(100, 1000);
    expect(budget.take(a, 100, 0)).toBe(true);
    expect(budget.take(b, 101, 0)).toBe(false);
    expect(budget.take(a, 1, 59_999)).toBe(false);
    expect(budget.take(b, 100, 59_999)).toBe(true);
  });

  test("begins again with each minute", () => {
    const budget = new PlainBudget(100, 1000);
    expect(budget.take(a, 100, 59_999)).toBe(true);
    expect(budget.take(a, 100, 60_000)).toBe(true);
  });

  test("has room for a replay while less than half of what all may be sent is spent", () => {
    const budget = new PlainBudget(100, 300);
    expect([budget.hasRoomFor(100, 0), budget.hasRoomFor(101, 0)]).toEqual([true, false]);
    budget.take(a, 100, 0);
    expect([budget.hasRoomFor(50, 0), budget.hasRoomFor(51, 0), budget.hasRoomFor(51, 60_000)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

test("once half of what all may be sent is spent, only those with less than an equal share receive more", () => {
  const budget = new PlainBudget(200, 300);
  for (const [socket, bytes] of [
    [a, 90],
    [b, 20],
    [c, 30],
  ] as const)
    expect(budget.take(socket, bytes, 0)).toBe(true);
  expect(budget.take(a, 20, 0)).toBe(false);
  expect(budget.take(b, 60, 0)).toBe(true);
  expect(budget.take(c, 70, 0)).toBe(true);
  expect(budget.take(c, 1, 0)).toBe(false);
});

test("a socket that receives its first event in a minute counts among those that share", () => {
  const budget = new PlainBudget(200, 300);
  expect(budget.take(a, 140, 0)).toBe(true);
  expect(budget.take(b, 151, 0)).toBe(false);
  expect(budget.take(b, 150, 0)).toBe(true);
});

test("all together are never sent more within a minute, however sockets come and go", () => {
  const step = fc.record({ socket: fc.nat(20), bytes: fc.nat(120) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budget = new PlainBudget<object>(100, 500);
      const sockets = Array.from({ length: 21 }, () => ({}));
      const taken = steps.filter(({ socket, bytes }) => budget.take(sockets[socket] ?? {}, bytes, 0));
      expect(taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(500);
    }),
  );
});
