import { describe, expect, test } from "vitest";
import { PlainBudget } from "../../../../src/channels/listeners/plain-budget.ts";

const [a, b, c] = [{ name: "a" }, { name: "b" }, { name: "c" }];

describe("a plain client's budget", () => {
  test("ends at its limit and not before", () => {
    const budget = new PlainBudget(100, 1000);
    budget.sent(a, 100, 0);
    budget.sent(b, 101, 0);
    expect(budget.takeExcess()).toEqual([b]);
    expect(budget.takeExcess()).toEqual([]);
    budget.sent(a, 1, 59_999);
    expect(budget.takeExcess()).toEqual([a]);
  });

  test("begins again with each minute", () => {
    const budget = new PlainBudget(100, 1000);
    budget.sent(a, 100, 59_999);
    budget.sent(a, 100, 60_000);
    expect(budget.takeExcess()).toEqual([]);
  });
});

test("when all together were sent too much, the largest consumers go first, and no more of them than needed", () => {
  const budget = new PlainBudget(100, 150);
  budget.sent(a, 40, 0);
  budget.sent(b, 90, 0);
  budget.sent(c, 60, 0);
  expect(budget.takeExcess()).toEqual([b]);
  budget.sent(a, 60, 0);
  expect(budget.takeExcess()).toEqual([a]);
});
