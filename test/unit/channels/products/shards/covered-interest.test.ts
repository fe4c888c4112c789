import { expect, test } from "vitest";
import { CoveredInterest } from "../../../../../src/channels/products/shards/covered-interest.ts";

/** What a shard knows about the events that reach it. */

test("products are covered since the position at which the root confirmed the last of them", () => {
  const interest = new CoveredInterest();
  interest.confirm(["a"], 3);
  interest.confirm(["b"], 7);
  expect(interest.coveredFrom(["a"])).toBe(3);
  expect(interest.coveredFrom(["a", "b"])).toBe(7);
  expect(interest.coveredFrom(["a", "c"])).toBeNull();
  expect(interest.coveredFrom(null)).toBeNull();
  interest.confirm(null, 9);
  expect(interest.coveredFrom(["a", "c"])).toBe(9);
  expect(interest.coveredFrom(["a"])).toBe(3);
});

test("removals are sent at most every ten seconds, and only if there are some", () => {
  const interest = new CoveredInterest();
  interest.confirm(["a", "b"], 1);
  // The first time, because the root may know the interest from before a wake.
  expect(interest.replacement(1, ["a", "b"], 0)).toEqual({ version: 0, products: ["a", "b"] });
  expect(interest.replacement(1, ["a", "b"], 20_000)).toBeNull();
  expect(interest.replacement(1, ["a"], 20_000)).toEqual({ version: 0, products: ["a"] });
  expect(interest.coveredFrom(["b"])).toBeNull();
  interest.confirm(["c"], 5);
  expect(interest.replacement(1, ["a"], 29_999)).toBeNull();
  expect(interest.replacement(1, ["a"], 30_000)).not.toBeNull();
});

test("a root that knows nothing is told at once, and what is being added counts", () => {
  const interest = new CoveredInterest();
  const addition = interest.add(["b"]);
  expect(interest.replacement(null, ["a"], 0)).toEqual({ version: 1, products: ["a", "b"] });
  addition.confirm(4);
  addition.end();
  expect(interest.coveredFrom(["b"])).toBe(4);
  expect(interest.replacement(null, ["b"], 1)).toEqual({ version: 1, products: ["b"] });
});

test("a product that was covered with all others stays covered when they are not wanted any more", () => {
  const interest = new CoveredInterest();
  interest.confirm(null, 5);
  expect(interest.replacement(null, ["a"], 0)).toEqual({ version: 0, products: ["a"] });
  expect(interest.coveredFrom(["a"])).toBe(5);
  expect(interest.coveredFrom(["b"])).toBeNull();
});
