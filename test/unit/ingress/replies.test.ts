import { expect, test } from "vitest";
import { parseStreamDescription } from "../../../src/ingress/redis/replies.ts";

test("found by fuzzing: an object in place of a count is another shape, not an exception", () => {
  expect(parseStreamDescription([{ toString: 1 }, 5, "5-0", "0-0", "4-0"])).toBe("unknown");
});
