import { describe, expect, test } from "vitest";
import { bucketsOf, parseMetrics, quantile, total } from "../../../src/site/demo/page/service/prometheus.ts";
import { Counters } from "../../../src/telemetry/counters.ts";
import { exposition } from "../../../src/telemetry/exposition.ts";

/** The demo parses the exposition that the service writes. */

const counts = new Counters();
counts.count("tidings_deliveries_total", { kind: "order" }, 3);
counts.count("tidings_deliveries_total", { kind: "products" }, 4);
counts.count("tidings_auth_failures_total", { reason: 'a "quoted", {braced} \\ reason' }, 2);
const scrape = parseMetrics(
  exposition(counts.all, [{ name: "tidings_connections", labels: { kind: "order" }, value: 5 }]),
);

describe("the demo's metrics parser", () => {
  test("sums all series of a metric, or those with a given label", () => {
    expect(total(scrape, "tidings_deliveries_total")).toBe(7);
    expect(total(scrape, "tidings_deliveries_total", { kind: "order" })).toBe(3);
    expect(total(scrape, "tidings_connections", { kind: "order" })).toBe(5);
  });

  test("accepts any label value and returns 0 for a metric without samples", () => {
    expect(total(scrape, "tidings_auth_failures_total")).toBe(2);
    expect(total(scrape, "tidings_errors_total")).toBe(0);
  });

  const histogram = (counts: [string, number][]) =>
    bucketsOf(
      parseMetrics(
        counts.map(([le, n]) => `tidings_publish_to_send_seconds_bucket{via="http",le="${le}"} ${n}`).join("\n"),
      ),
      "tidings_publish_to_send_seconds",
    );
  const before = histogram([
    ["0.01", 10],
    ["0.1", 10],
    ["+Inf", 10],
  ]);
  const after = histogram([
    ["0.01", 10],
    ["0.1", 20],
    ["+Inf", 20],
  ]);

  test("a quantile covers the observations between two scrapes and is linear within a bucket", () => {
    expect(quantile(0.5, before, after)).toBeCloseTo(0.055);
    expect(quantile(0.5, histogram([]), before)).toBeCloseTo(0.005);
  });

  test("a quantile is null without observations, and at most the last finite bound", () => {
    expect(quantile(0.5, after, after)).toBeNull();
    expect(
      quantile(
        0.95,
        before,
        histogram([
          ["0.01", 10],
          ["0.1", 10],
          ["+Inf", 20],
        ]),
      ),
    ).toBe(0.1);
  });
});
