import { expect, test } from "vitest";
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

test("a shard that reports that it has no listeners is asked", () => {
  const link = new ShardLink(POSITION, true);
  link.join(joining("one", 1, ["a"]));
  link.report("one", 3);
  expect(link.isProbeDue).toBe(false);
  link.report("one", 0);
  expect(link.isProbeDue).toBe(true);
});
