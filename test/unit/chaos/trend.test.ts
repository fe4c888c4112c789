import { describe, expect, test } from "vitest";
import { percentile, trendOf } from "../../chaos/endurance/trend.ts";
import { Random } from "../../chaos/run/random.ts";

/** The test for a trend that judges long runs. */

const noise = (size: number, seed = 1) => {
  const random = new Random(seed);
  return Array.from({ length: 60 }, () => (random.next() - 0.5) * size);
};

describe("values without a trend are accepted:", () => {
  test("equal ones", () => expect(trendOf(Array(60).fill(100)).isGrowing).toBe(false));
  test("noise", () => {
    const found = Array.from({ length: 200 }, (_, seed) => trendOf(noise(50, seed).map((one) => 100 + one)));
    expect(found.filter(({ isGrowing }) => isGrowing).length).toBeLessThanOrEqual(1);
  });
  test("a single outlier", () => {
    const values = noise(5).map((one) => 100 + one);
    values[50] = 5000;
    expect(trendOf(values).isGrowing).toBe(false);
  });
  test("growth of less than a tenth", () =>
    expect(trendOf(Array.from({ length: 60 }, (_, i) => 100 + i / 10)).isGrowing).toBe(false));
  test("a fall", () => expect(trendOf(Array.from({ length: 60 }, (_, i) => 100 - i)).isGrowing).toBe(false));
});

test("a leak is found in noise", () => {
  const values = noise(20).map((one, i) => 100 + one + i / 2);
  expect(trendOf(values).isGrowing).toBe(true);
});

test("percentiles", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 51, 100, 100]);
});
