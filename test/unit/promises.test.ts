import { describe, expect, test } from "vitest";
import { allProofs, PROMISES, proofsIn } from "../support/promises.ts";

const proofs = allProofs();

describe("every promise", () => {
  for (const [number, { title }] of Object.entries(PROMISES)) {
    test(`has a test in npm test: ${number}. ${title}`, () => {
      // The others run in npm run test:chaos and test:browser.
      const files = proofs.filter(({ promise }) => promise === Number(number)).map(({ file }) => file);
      expect(files.filter((file) => !/^test\/(chaos|load|browser)\//.test(file))).not.toEqual([]);
    });
  }

  test("that a test names exists", () => {
    expect(proofs.filter(({ promise }) => !(promise in PROMISES))).toEqual([]);
  });
});

test("proofs are found in the names of tests and groups, and nowhere else", () => {
  const source = [
    'test("[promise 1] one", () => {});',
    "test(`[promise 2] [promise 3] two $OF them`, { timeout: 1 }, async () => {});",
    'describe.skipIf(!hasRedis("Redis"))("[promise 4] group", () => {});',
    'test.skipIf(!hasRedis("Redis"))(\n  "[promise 5] long",\n  () => {},\n);',
    'test("none", () => expect(text).toBe("[promise 6]"));',
    "// [promise 7]",
  ].join("\n");
  expect(proofsIn("a.test.ts", source).map(({ promise }) => promise)).toEqual([1, 2, 3, 4, 5]);
});
