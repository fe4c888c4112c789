import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_KEPT_BYTES, toDeadLetter } from "../../../src/ingress/redis/dead-letter.ts";
import { utf8Length } from "../../../src/protocol/utf8.ts";

type Fields = [name: string, value: string][];
const letterOf = (fields: Fields, reason = "lacks type") => toDeadLetter({ id: "1-1", fields }, "not_an_event", reason);
const storedBytes = (fields: Fields) => utf8Length(JSON.stringify(fields));

describe("a dead letter", () => {
  test("keeps an entry of the largest size whole", () => {
    const empty: Fields = [["data", ""]];
    const fields: Fields = [["data", "x".repeat(MAX_KEPT_BYTES - storedBytes(empty))]];
    expect(letterOf(fields)).toMatchObject({ entry: { fields }, isCut: false });
    const larger: Fields = [["data", `${fields[0]?.[1]}x`]];
    expect(letterOf(larger).isCut).toBe(true);
  });

  test.each([
    ["two values of 1.5 MB", 2, 1_500_000, "x"],
    ["text that is escaped", 3, 400_000, "\u0001"],
    ["Chinese text", 3, 400_000, "漢"],
    ["emoji", 1, 400_000, "🚚"],
    ["quotes", 50, 30_000, '"'],
  ])("keeps the beginnings of %s, and what is short stays whole", (_, count, length, character) => {
    const long = Array.from({ length: count }, (_, i): [string, string] => [`long${i}`, character.repeat(length)]);
    const fields: Fields = [["channel", "products"], ...long.slice(0, 48), ["type", "price_updated"]];
    const { entry, isCut } = letterOf(fields);
    expect(isCut).toBe(true);
    expect(storedBytes(entry.fields)).toBeLessThanOrEqual(MAX_KEPT_BYTES);
    // The limit halves until everything fits, so at least a third is used.
    expect(storedBytes(entry.fields)).toBeGreaterThan(MAX_KEPT_BYTES / 3);
    expect(entry.fields.at(0)).toEqual(["channel", "products"]);
    expect(entry.fields.at(-1)).toEqual(["type", "price_updated"]);
    expect(entry.fields[1]?.[1]).toMatch(new RegExp(`${character}… \\(${fields[1]?.[1].length} characters\\)$`));
  });

  test("keeps 50 fields, and the beginnings of long names", () => {
    const many: Fields = Array.from({ length: 51 }, (_, i) => [`f${i}`, "x"]);
    expect(letterOf(many)).toMatchObject({ entry: { fields: many.slice(0, 50) }, isCut: true });
    const { entry, isCut } = letterOf([["n".repeat(257), "x"]]);
    expect([entry.fields, isCut]).toEqual([[[`${"n".repeat(256)}… (257 characters)`, "x"]], true]);
  });

  test("has a short reason, whatever a publisher has called its fields", () => {
    expect(letterOf([], `data.${"漢".repeat(1_000_000)} is too large for a number`).reason.length).toBeLessThan(1100);
  });

  test("of any entry is small enough, and whole unless it says that it is cut", () => {
    const text = fc.tuple(fc.string({ unit: "binary", maxLength: 8 }), fc.integer({ min: 0, max: 20_000 }));
    const value = text.map(([unit, times]) => unit.repeat(times));
    const field = fc.tuple(fc.string({ unit: "binary" }), value);
    fc.assert(
      fc.property(fc.array(field, { maxLength: 60 }), (fields) => {
        const { entry, isCut } = letterOf(fields);
        expect(storedBytes(entry.fields)).toBeLessThanOrEqual(MAX_KEPT_BYTES);
        if (!isCut) expect(entry.fields).toEqual(fields);
      }),
      { numRuns: 20 },
    );
  });
});
