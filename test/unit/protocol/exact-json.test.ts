import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readEntry } from "../../../src/ingress/redis/entry.ts";
import { catalogueWith } from "../../../src/protocol/catalogue.ts";
import { InexactNumber, parseExactJson } from "../../../src/protocol/exact-json.ts";
import { MAX_EVENT_BYTES } from "../../../src/protocol/publish.ts";

const isKept = (literal: string) =>
  !((parseExactJson(`{"n":${literal}}`) as { n: unknown }).n instanceof InexactNumber);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe("a number keeps its digits", () => {
  test("however a language writes a double: shortest, with 17 digits, or exactly", () => {
    fc.assert(
      fc.property(finite, (value) => {
        const exact = value.toPrecision(100);
        for (const literal of [JSON.stringify(value), value.toPrecision(17), value.toExponential(16), exact]) {
          // The exact expansion of a small double has more than 100 digits.
          if (literal !== exact || Number(exact) === value) expect([literal, isKept(literal)]).toEqual([literal, true]);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("when it has at most 15 of them", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 ** 15 - 1 }),
        fc.integer({ min: -300, max: 280 }),
        (digits, exponent) => {
          expect(isKept(`${digits}e${exponent}`)).toBe(true);
          expect(isKept(`-${digits}.000E${exponent}`)).toBe(true);
        },
      ),
    );
  });

  for (const literal of [
    "-1298889084699609.2",
    "0",
    "-0",
    "0.0",
    "0e99",
    "1.10",
    "100",
    "1e15",
    "1E+2",
    "9007199254740991",
    "0.1000000000000000",
    "0.10000000000000001",
  ]) {
    test(literal, () => expect(isKept(literal)).toBe(true));
  }
});

describe("a number that would lose digits is found", () => {
  const lost = [
    "0.1234567890123456789",
    "0.12345678901234567",
    "9.9999999999999999",
    "3.14159265358979323846",
    "1234567890.1234567890123",
    "1e-400",
    `0.${"0".repeat(350)}1`,
    `1.${"0".repeat(500)}1`,
    `0.${"3".repeat(101)}`,
  ];
  for (const literal of lost) {
    test(literal.slice(0, 30), () => {
      expect(isKept(literal)).toBe(false);
      expect(isKept(`-${literal}`)).toBe(false);
      expect(parseExactJson(literal)).toBeInstanceOf(InexactNumber);
    });
  }

  test("at any depth and place, and nothing else is changed", () => {
    const text =
      '{"a":[1, 0.1234567890123456789 ,{"b":\t-0.1234567890123456789}],"c":"0.1234567890123456789, 1e400","d":1e5}';
    expect(parseExactJson(text)).toEqual({
      a: [1, new InexactNumber(), { b: new InexactNumber() }],
      c: "0.1234567890123456789, 1e400",
      d: 1e5,
    });
  });

  test("or the text is refused, when it is nested too deeply to be checked", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(() => parseExactJson(`{"n":1e5,"a":${deep}}`)).toThrow(new SyntaxError("Nested too deeply"));
    expect(parseExactJson(`{"n":5,"a":${deep}}`)).toBeInstanceOf(Object);
  });

  test("without exhausting the time of the service", () => {
    // Not the time on the wall: other processes may be busy.
    const before = process.cpuUsage();
    for (const digit of ["0", "1"]) parseExactJson(`[0.${digit.repeat(2 ** 20)}1]`);
    parseExactJson(`[${"1e5,".repeat(2 ** 17)}1]`);
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  });
});

test("any JSON that JavaScript has written is parsed as by JSON.parse", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseExactJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

describe("an entry of the Redis stream is measured and parsed like a body", () => {
  const entry = (data: string) =>
    readEntry(catalogueWith([]), {
      id: "1-1",
      fields: [
        ["channel", "products"],
        ["type", "product_deleted"],
        ["data", data],
      ],
    });

  test("numbers that become longer count as they are sent", () => {
    const short = `{"product_id":"p","n":[${Array(11_900).fill("1e15").join()}]}`;
    expect(short.length).toBeLessThan(MAX_EVENT_BYTES);
    expect(entry(short)).toEqual({
      ok: false,
      code: "too_large",
      reason: "data makes an event of more than 65536 bytes as it is sent",
    });
  });

  test("whitespace and escapes do not count", () => {
    const padded = `{"product_id":"p",${" ".repeat(2 * MAX_EVENT_BYTES)}"n":"${"\\u0444".repeat(20_000)}"}`;
    expect(entry(padded)).toMatchObject({ ok: true });
  });

  test("digits that would be lost are a reason", () => {
    expect(entry('{"product_id":"p","n":0.1234567890123456789}')).toMatchObject({
      ok: false,
      reason: expect.stringContaining("data.n has more digits than a number holds"),
    });
  });
});
