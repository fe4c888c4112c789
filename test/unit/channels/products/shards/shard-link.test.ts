import { expect, test } from "vitest";
import { MAX_INTEREST_PRODUCTS } from "../../../../../src/channels/products/shards/contract.ts";
import { ShardLink } from "../../../../../src/channels/products/shards/shard-link.ts";

/** What the root knows of a shard. */

const POSITION = { epoch: "e", seq: 5 };
const joining = (incarnation: string, version: number, products: string[] | null) => ({
  incarnation,
  interest: { version, products },
  count: 1,
});
const taken = (incarnation: string, interest: { version: number; products: string[] | null } | null = null) => ({
  status: "taken" as const,
  sent: 0,
  head: { epoch: "e", seq: 9 },
  incarnation,
  count: 1,
  interest,
});

test("a new shard needs what it asks for; one from before the root woke may need everything", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("one", 1, ["a"]));
  expect([link.wants("a"), link.wants("b"), link.wants(null)]).toEqual([true, false, true]);
  expect(new ShardLink(POSITION, false).wants("b")).toBe(true);
});

test("a removal counts only if no addition followed it", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("one", 1, ["a"]));
  link.join(joining("one", 2, ["b"]));
  link.acknowledge(taken("one", { version: 1, products: [] }), link.heard, "e");
  expect([link.wants("a"), link.wants("b")]).toEqual([true, true]);
  link.acknowledge(taken("one", { version: 2, products: ["b"] }), link.heard, "e");
  expect([link.wants("a"), link.wants("b")]).toEqual([false, true]);
});

test("a push names the version of the interest that the last answer brought, so that the shard repeats a lost one", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("one", 1, ["a"]));
  expect(link.interestVersion).toBeNull();
  link.acknowledge(taken("one", { version: 2, products: ["a"] }), link.heard, "e");
  link.join(joining("one", 3, ["b"]));
  expect(link.interestVersion).toBe(2);
  // Another object counts from 0.
  link.acknowledge(taken("two"), link.heard, "e");
  expect(link.interestVersion).toBeNull();
});

test("a shard is asked what it needs after an addition that arrives late, because it may have given it up", () => {
  const link = new ShardLink(POSITION, true);
  link.acknowledge(taken("one", { version: 3, products: ["a"] }), link.heard, "e");
  link.join(joining("one", 2, ["given up"]));
  expect([link.wants("given up"), link.interestVersion]).toEqual([true, null]);
  link.acknowledge(taken("one", { version: 4, products: ["a"] }), link.heard, "e");
  expect([link.wants("given up"), link.interestVersion]).toEqual([false, 4]);
});

test("a shard that asked for too many products while there was no event receives all, and is asked what it needs", () => {
  const link = new ShardLink(POSITION, true);
  link.acknowledge(taken("one", { version: 1, products: [] }), link.heard, "e");
  const products = Array.from({ length: MAX_INTEREST_PRODUCTS }, (_, n) => `p-${n}`);
  link.join(joining("one", 2, products));
  expect([link.wants("other"), link.interestVersion]).toEqual([false, 1]);
  link.join(joining("one", 3, ["one more"]));
  expect([link.wants("other"), link.interestVersion]).toEqual([true, null]);
  link.acknowledge(taken("one", { version: 4, products: ["a"] }), link.heard, "e");
  expect([link.wants("other"), link.wants("a")]).toEqual([false, true]);
});

test("a replaced incarnation is fenced, and an answer that it gave before does not count", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("old", 7, ["a"]));
  const { heard } = link;
  expect(link.join(joining("new", 1, ["b"]))).toBe(true);
  expect(link.acknowledge(taken("old", { version: 7, products: [] }), heard, "e")).toBe(false);
  expect(link.join(joining("old", 8, ["c"]))).toBe(false);
  expect(link.report("old", 3)).toBe(false);
  expect([link.wants("a"), link.wants("b"), link.wants("c")]).toEqual([true, true, false]);
});

test("the object that answers a push is trusted, whatever joined before", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("real", 1, ["a"]));
  link.join(joining("zombie", 1, ["a"]));
  expect(link.acknowledge(taken("real"), link.heard, "e")).toBe(true);
  expect(link.join(joining("real", 2, ["b"]))).toBe(true);
  expect(link.join(joining("zombie", 2, ["b"]))).toBe(false);
});

test("a shard without listeners is known as such until it has some", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("one", 1, ["a"]));
  link.report("one", 3);
  expect(link.isWithoutListeners).toBe(false);
  link.report("one", 0);
  expect(link.isWithoutListeners).toBe(true);
  link.acknowledge(taken("one"), link.heard, "e");
  expect(link.isWithoutListeners).toBe(false);
  // Another object may have listeners in the shard's name, so a report of a replaced one is not believed.
  link.join(joining("two", 1, ["a"]));
  expect(link.report("one", 0)).toBe(false);
  expect([link.count, link.isWithoutListeners]).toEqual([1, true]);
});
