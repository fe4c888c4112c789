import { expect, test } from "vitest";
import { MAX_INTEREST_PRODUCTS } from "../../../../../src/channels/products/shards/contract.ts";
import { CoveredInterest } from "../../../../../src/channels/products/shards/covered-interest.ts";

/** What a shard knows about the events that reach it. */

const MINUTE = 60_000;

/** An interest whose listeners want what `set` says. */
function interestOf(products: string[] | null) {
  let wanted = products;
  const interest = new CoveredInterest(() => wanted);
  const set = (products: string[] | null) => {
    wanted = products;
  };
  return { interest, set };
}

test("products are covered since the position at which the root confirmed the last of them", () => {
  const { interest } = interestOf(null);
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

test("a product stays covered for a minute after its last listener has left", () => {
  const { interest, set } = interestOf(["a", "b"]);
  interest.confirm(["a", "b"], 1);
  // The first time, because the root may know the interest from before a wake.
  expect(interest.replacement(null, 0)).toEqual({ version: 1, products: ["a", "b"] });
  set(["a"]);
  expect(interest.replacement(1, MINUTE)).toBeNull();
  expect(interest.replacement(1, 2 * MINUTE - 1)).toBeNull();
  expect(interest.coveredFrom(["b"])).toBe(1);
  expect(interest.replacement(1, 2 * MINUTE)).toEqual({ version: 2, products: ["a"] });
  expect(interest.coveredFrom(["b"])).toBeNull();
});

test("a product that is wanted again within the minute stays covered", () => {
  const { interest, set } = interestOf([]);
  interest.confirm(["a"], 1);
  interest.replacement(null, 0);
  set(["a"]);
  expect(interest.replacement(1, MINUTE)).toBeNull();
  set([]);
  expect(interest.replacement(1, 2 * MINUTE)).toBeNull();
  expect(interest.coveredFrom(["a"])).toBe(1);
});

test("a removal is repeated until the root names its version", () => {
  const { interest, set } = interestOf(["a", "b"]);
  interest.confirm(["a", "b"], 1);
  interest.replacement(null, 0);
  set(["a"]);
  interest.replacement(1, MINUTE);
  expect(interest.replacement(1, 2 * MINUTE)).toEqual({ version: 2, products: ["a"] });
  // That answer is lost, and another product is added meanwhile.
  const addition = interest.add(["c"]);
  addition.confirm(9);
  addition.end();
  expect(interest.replacement(1, 2 * MINUTE + 1)).toEqual({ version: 4, products: ["a", "c"] });
  expect(interest.replacement(4, 2 * MINUTE + 2)).toBeNull();
});

test("products whose addition was not confirmed, but may have arrived, are removed with the next answer", () => {
  const { interest } = interestOf(["a"]);
  interest.confirm(["a"], 1);
  interest.replacement(null, 0);
  interest.add(["b"]).end();
  expect(interest.replacement(1, 1)).toEqual({ version: 3, products: ["a"] });
});

test("a root that knows nothing is told at once, and what is being added counts", () => {
  const { interest } = interestOf(["a"]);
  interest.confirm(["a"], 1);
  const addition = interest.add(["b"]);
  expect(interest.replacement(null, 0)).toEqual({ version: 2, products: ["a", "b"] });
  addition.confirm(4);
  addition.end();
  expect(interest.coveredFrom(["b"])).toBe(4);
  expect(interest.replacement(null, 1)).toEqual({ version: 3, products: ["a", "b"] });
});

test("a product that was covered with all others stays covered when they are not wanted any more", () => {
  const { interest } = interestOf(["a"]);
  interest.confirm(null, 5);
  expect(interest.replacement(null, 0)).toEqual({ version: 1, products: null });
  expect(interest.replacement(1, MINUTE)).toEqual({ version: 2, products: ["a"] });
  expect(interest.coveredFrom(["a"])).toBe(5);
  expect(interest.coveredFrom(["b"])).toBeNull();
});

test("without events, products that came and went are forgotten beyond a limit, those of listeners never", () => {
  const { interest } = interestOf(["kept"]);
  interest.confirm(["kept"], 1);
  for (let n = 1; n < MAX_INTEREST_PRODUCTS; n++) interest.confirm([`gone-${n}`], n);
  expect(interest.coveredFrom(["gone-1"])).toBe(1);
  interest.confirm(["one too many"], 1);
  expect(interest.coveredFrom(["gone-1"])).toBeNull();
  expect(interest.coveredFrom(["kept"])).toBe(1);
  expect(interest.replacement(null, 0)?.products).toEqual(["kept"]);
});

test("beyond the same limit, a shard whose listeners want that many products asks for all", () => {
  const products = Array.from({ length: MAX_INTEREST_PRODUCTS + 1 }, (_, n) => `p-${n}`);
  const { interest } = interestOf(products);
  interest.confirm(products, 1);
  expect(interest.replacement(null, 0)).toEqual({ version: 1, products: null });
  expect(interest.coveredFrom(products.slice(0, 50))).toBe(1);
});
