import { describe, expect, test } from "vitest";
import { fuzzEntrance } from "../../chaos/fuzz/fuzz.ts";
import { nearlyValid, nearlyValidText } from "../../chaos/fuzz/mutations.ts";

/** Inputs that are almost right find readers that trust them. */

const messages = [{ type: "subscribe", product_ids: ["a"], since: { seq: 1 } }];
const readers: Record<string, (value: ReturnType<typeof JSON.parse>) => void> = {
  "a reader that trusts a member to be there": (value) => void Object(value).product_ids.length,
  "a reader that trusts a member's type": (value) => {
    const ids = Object(value).product_ids;
    if (ids) ids.map(String);
  },
  "a reader that turns any object into text": (value) => void `${Object(value).type}`,
};

describe("a seeded bug is found:", () => {
  for (const [name, read] of Object.entries(readers)) {
    test(name, async () => {
      const { failure } = await fuzzEntrance({ name, input: nearlyValid(messages), read }, 5000, 1);
      expect(failure).toMatch(/TypeError/);
    });
  }

  test("a reader that decodes without a guard", async () => {
    const input = nearlyValidText(["?product_id=a%2Cb"]);
    const read = (text: unknown) => void decodeURIComponent(String(text));
    expect((await fuzzEntrance({ name: "decoder", input, read }, 5000, 1)).failure).toMatch(/URIError/);
  });
});

test("a careful reader passes", async () => {
  const read = (value: unknown) => void JSON.stringify(value);
  expect((await fuzzEntrance({ name: "careful", input: nearlyValid(messages), read }, 5000, 1)).failure).toBeNull();
});
