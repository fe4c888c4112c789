import { describe, expect, test } from "vitest";
import { growthChart } from "../../bench/report/chart.ts";
import { logScale, pointScale } from "../../bench/report/scale.ts";

describe("a logarithmic scale", () => {
  test("places powers of ten at equal distances", () => {
    const { at, ticks } = logScale([1, 1000], [0, 300]);
    expect(ticks).toEqual([1, 10, 100, 1000]);
    expect(ticks.map(at).map(Math.round)).toEqual([0, 100, 200, 300]);
  });

  test("reaches from a tick below the values to one above them", () => {
    expect(logScale([0.34, 3.1], [0, 1]).ticks).toEqual([0.2, 0.5, 1, 2, 5]);
    expect(logScale([3, 5000], [0, 1]).ticks).toEqual([1, 10, 100, 1000, 10_000]);
  });

  test("can point down, as the y axis of an SVG does", () => {
    const { at } = logScale([1, 100], [200, 0]);
    expect([at(1), at(10), at(100)]).toEqual([200, 100, 0]);
  });

  test("spans a power of ten at least, so that noise does not look like growth", () =>
    expect(logScale([0.57, 0.58], [0, 1]).ticks).toEqual([0.5, 1, 2, 5]));

  test.each([[[0.5]], [[1]], [[7, 7]]])("has a span for a single value: %j", (values) => {
    const { at, ticks } = logScale(values, [0, 100]);
    expect(ticks.length).toBeGreaterThan(1);
    for (const value of values) {
      expect(at(value)).toBeGreaterThanOrEqual(0);
      expect(at(value)).toBeLessThanOrEqual(100);
    }
  });

  test("has no place for zero", () => expect(() => logScale([0, 1], [0, 1])).toThrow(RangeError));
});

test("a point scale has equal distances between its values, zero included", () => {
  const { at, ticks } = pointScale([16, 0, 1, 4, 4], [0, 90]);
  expect(ticks).toEqual([0, 1, 4, 16]);
  expect(ticks.map(at)).toEqual([0, 30, 60, 90]);
});

describe("the chart", () => {
  const point = (x: number, median: number) => ({ x, median, rounds: [median], serverMicros: null, clientLoad: null });
  const chart = growthChart({
    date: "2026-11-26T09:00:00.000Z",
    machine: { cpu: "A <CPU>", cores: 2, memoryGB: 24, system: "linux x64", loadBefore: 0.1 },
    curves: [
      {
        name: "listeners",
        title: "Publish & frame",
        unit: "ms",
        xTitle: "listeners",
        series: [
          { title: "Tidings", points: [point(1, 0.5), point(1000, 33)] },
          { title: "bare object", points: [point(1, 0.4), point(1000, 40)] },
        ],
      },
      {
        name: "shards",
        title: "Shards",
        unit: "ms",
        xTitle: "shards",
        series: [{ title: "Tidings", points: [point(0, 1), point(4, 2)] }],
      },
      { name: "empty", title: "Nothing measured", unit: "ms", xTitle: "x", series: [] },
    ],
  });

  test("says in words what it shows", () => {
    expect(chart).toMatch(/<svg [^>]*role="img" aria-labelledby="title description"/);
    expect(chart).toContain("Tidings from 0.5 at 1 to 33 at 1K; bare object from 0.4 at 1 to 40 at 1K.");
    expect(chart).toContain("2026-11-26, A &lt;CPU>, 2 cores, 24 GB");
  });

  test("labels both axes and every series, and leaves out what was not measured", () => {
    for (const text of ["Publish &amp; frame", "ms", "listeners", "shards", "Tidings", "bare object"])
      expect(chart).toContain(`>${text}</text>`);
    expect(chart).not.toContain("Nothing measured");
  });

  test("places every mark inside its panel", () => {
    expect(chart).not.toMatch(/NaN|Infinity|undefined/);
    expect(chart.match(/<circle/g)).toHaveLength(2 + 1 + 2 + 1);
  });
});
