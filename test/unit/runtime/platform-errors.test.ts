import { describe, expect, test } from "vitest";
import { callFailureOf, mayBeStorageFailure } from "../../../src/runtime/platform-errors.ts";

const error = (flags: object) => Object.assign(new Error("x"), flags);

describe("the failure of a call to an object is", () => {
  test.each([
    ["overloaded, whatever else is marked", error({ overloaded: true, retryable: true, remote: true }), "overloaded"],
    ["retryable", error({ retryable: true, remote: true }), "retryable"],
    ["thrown by the object's own code", error({ remote: true }), "thrown"],
    ["thrown, although the flags are present", error({ remote: true, retryable: false, overloaded: false }), "thrown"],
    ["unknown without a mark", error({}), "unknown"],
    ["unknown when the marks are no booleans", error({ retryable: "true", overloaded: 1 }), "unknown"],
    ["unknown when nothing was thrown", undefined, "unknown"],
    ["unknown when null was thrown", null, "unknown"],
  ])("%s", (_, thrown, failure) => expect(callFailureOf(thrown)).toBe(failure));
});

test("a failure of storage is SQLite's for want of room, or the runtime's for a commit", () => {
  const errors = ["database or disk is full: SQLITE_FULL", "internal error; reference = abc", "Internal error", "x"];
  expect(errors.map((message) => mayBeStorageFailure(new Error(message)))).toEqual([true, true, false, false]);
  expect([undefined, null, "SQLITE_FULL"].map(mayBeStorageFailure)).toEqual([false, false, false]);
});
