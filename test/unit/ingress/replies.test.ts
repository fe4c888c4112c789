import { expect, test } from "vitest";
import { parseStreamInfo } from "../../../src/ingress/redis/replies.ts";

const INFO = ["length", 2, "entries-added", "5", "last-generated-id", "5-0", "first-entry", ["4-0", ["a", "b"]]];

test("counts may be numbers or texts", () => {
  expect(parseStreamInfo(INFO)).toEqual({
    length: 2,
    entriesAdded: 5,
    lastId: "5-0",
    firstId: "4-0",
    maxDeletedId: "0-0",
  });
});

test("found by fuzzing: an object in place of a count is another shape, not an exception", () => {
  expect(parseStreamInfo(["length", { toString: 1 }, ...INFO.slice(2)])).toBeNull();
});

test("found by fuzzing: an object in place of a name is passed over", () => {
  expect(parseStreamInfo([...INFO, { toString: 1 }])).toMatchObject({ lastId: "5-0" });
});
