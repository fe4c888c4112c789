import fc from "fast-check";
import { expect, test } from "vitest";
import { packMessages } from "../../../../src/channels/listeners/frame-batch.ts";
import { sameJson } from "../../../../src/channels/log/same-event.ts";

test("frames packed into arrays are the same frames in the same order, in messages of bounded length", () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 50 }), (numbers, maxLength) => {
      const messages = packMessages(numbers.map(String), maxLength);
      expect(messages.flatMap((message) => [JSON.parse(message)].flat())).toEqual(numbers);
      for (const message of messages) {
        if (message.startsWith("[")) expect(message.length).toBeLessThanOrEqual(maxLength + 3);
      }
    }),
  );
});

test("JSON is the same whatever the order of its keys, and different when anything differs", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const [one, other] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))];
      const reversed = JSON.parse(JSON.stringify(a), (_, value) =>
        value && typeof value === "object" && !Array.isArray(value)
          ? Object.fromEntries(Object.entries(value).reverse())
          : value,
      );
      expect(sameJson(one, reversed)).toBe(true);
      expect(sameJson(one, other)).toBe(JSON.stringify(sorted(one)) === JSON.stringify(sorted(other)));
    }),
  );
});

/** The same for the same JSON, whatever the order of its keys. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { object: entries.map(([key, item]) => [key, sorted(item)]) };
}
