import { expect, test } from "vitest";
import { ReadMemory } from "../../../src/ingress/redis/read-memory.ts";

/** The longest that Redis allows: two 64-bit numbers, and a digest of 32 bits with the longest length. */
const longestKey = (n: number) => `${10n ** 19n + BigInt(n)}-18446744073709551615=1z141z3.zzzzzz`;

test("what the relay remembers of its reads is bounded in memory and fits in a row while trims fail", () => {
  const memory = new ReadMemory();
  const keys = Array.from({ length: 25_000 }, (_, n) => longestKey(n));
  while (keys.length > 0) memory.add(keys.splice(0, 1000));
  const { before, sinceTrim } = memory.listWith([longestKey(25_000)]);
  expect(before.length + sinceTrim.length).toBeLessThan(1_500_000);
  const known = [0, 4_999, 5_000, 24_999].map((n) => memory.has(longestKey(n)));
  expect(known).toEqual([false, false, true, true]);
  expect(new ReadMemory({ before, sinceTrim }).hasId(`${10n ** 19n + 24_999n}-18446744073709551615`)).toBe(true);
});
