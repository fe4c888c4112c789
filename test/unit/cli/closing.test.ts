import { expect, test } from "vitest";
import { describeClosing } from "../../../src/cli/shared/closing.ts";

test("a close reason's control characters are escaped, because a terminal might obey them", () => {
  expect(describeClosing({ code: 3000, reason: "moved\u001b[2J\u009bA" })).toBe("3000: moved\\u001b[2J\\u009bA");
});
