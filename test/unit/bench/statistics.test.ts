import { expect, test } from "vitest";
import { median, meets, summarize } from "../../bench/report/statistics.ts";

test.each([
  [[7], 7],
  [[3, 1, 2], 2],
  [[4, 1, 3, 10], 3.5],
  [[10, 9, 100], 10],
])("the median of %j is %d", (values, expected) => expect(median(values)).toBe(expected));

test("there is no median of nothing", () => expect(() => median([])).toThrow(RangeError));

test("a budget is met at its bound and missed beyond it", () => {
  expect([1.09, 1.1, 1.2].map((ratio) => meets(ratio, { atLeast: 1.1 }))).toEqual([false, true, true]);
  expect([1.1, 1.15, 1.16].map((ratio) => meets(ratio, { atMost: 1.15 }))).toEqual([true, true, false]);
});

test("rounds are summarized by their medians, and the server's time by its mean", () => {
  const rounds = [
    { value: 30, serverMicros: 10, clientLoad: 0.1 },
    { value: 10, serverMicros: 0, clientLoad: 0.9 },
    { value: 20, serverMicros: 20, clientLoad: 0.2 },
  ];
  expect(summarize(rounds)).toEqual({ median: 20, rounds: [30, 10, 20], serverMicros: 10, clientLoad: 0.2 });
});

test("what the system does not report is null", () => {
  expect(summarize([{ value: 1, serverMicros: null, clientLoad: null }])).toMatchObject({
    serverMicros: null,
    clientLoad: null,
  });
});
