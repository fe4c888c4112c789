import { expect, test } from "vitest";
import * as z from "zod";
import { safeLength } from "../../../src/protocol/safe-length.ts";

const OBJECT = JSON.parse('{"length":{"toString":1}}');
const isAccepted = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success;

test.each([
  ["text", z.string().min(1).max(3)],
  ["a list", z.array(z.string()).min(1).max(3)],
])("found by fuzzing: an object whose length is no number is refused where %s is expected", (_, schema) => {
  // If zod no longer throws, nothing needs this module.
  expect(() => schema.safeParse(OBJECT)).toThrow(TypeError);
  expect(isAccepted(safeLength(schema), OBJECT)).toBe(false);
});

test("bounds of text and lists are checked as before", () => {
  const text = safeLength(z.string().min(1).max(3));
  expect(["", "a", "abc", "abcd"].map((value) => isAccepted(text, value))).toEqual([false, true, true, false]);
  const list = safeLength(z.array(z.int()).max(2));
  expect([[], [1, 2], [1, 2, 3]].map((value) => isAccepted(list, value))).toEqual([true, true, false]);
});
