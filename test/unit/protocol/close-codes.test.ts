import { describe, expect, test } from "vitest";
import { ALL_CLOSE_CODES, CLOSE_CODES } from "../../../src/protocol/close-codes.ts";
import { retryOf } from "../../../src/protocol/close-rules.ts";
import { REFUSALS } from "../../../src/protocol/refusals.ts";

describe("close codes", () => {
  const rules = { 40: "never", 41: "backoff", 42: "now" };
  for (const code of ALL_CLOSE_CODES) {
    test(`${code} follows the rule of its first two digits: ${retryOf(code)}`, () => {
      expect(rules[String(code).slice(0, 2) as unknown as keyof typeof rules]).toBe(retryOf(code));
    });
  }

  for (const [reason, { title, close }] of Object.entries(REFUSALS)) {
    test(`the title of ${reason} fits into a close frame`, () => {
      expect(new TextEncoder().encode(title).length).toBeLessThanOrEqual(123);
      if (close !== null) expect(CLOSE_CODES).toHaveProperty(String(close));
    });
  }
});
