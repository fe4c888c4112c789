import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Counters, parseSeries } from "../../../src/telemetry/counters.ts";
import { exposition } from "../../../src/telemetry/exposition.ts";
import { METRICS } from "../../../src/telemetry/metrics.ts";
import { metricValue, parseMetrics } from "../../support/metrics.ts";

describe("counters", () => {
  test("add up, however the counts are split into reports", () => {
    const observation = fc.record({
      kind: fc.constantFrom("order", "products"),
      seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(fc.array(observation)), (reports) => {
        const registry = new Counters();
        for (const report of reports) {
          const counts = new Counters();
          for (const { kind, seconds } of report) {
            counts.count("tidings_deliveries_total", { kind }, 2);
            counts.observe("tidings_connection_duration_seconds", { kind }, seconds);
          }
          // As after RPC and storage.
          registry.add(JSON.parse(JSON.stringify(counts.take())));
          expect(counts.all).toEqual({});
        }
        const all = reports.flat();
        const samples = parseMetrics(exposition(registry.all, []));
        for (const kind of ["order", "products"]) {
          const own = all.filter((one) => one.kind === kind);
          expect(metricValue(samples, "tidings_deliveries_total", { kind })).toBe(2 * own.length);
          expect(metricValue(samples, "tidings_connection_duration_seconds", { kind })).toBe(own.length);
          for (const bound of METRICS.tidings_connection_duration_seconds.buckets) {
            const bucket = samples.find(
              ({ name, labels }) => name.endsWith("_bucket") && labels.kind === kind && labels.le === String(bound),
            );
            expect(bucket?.value ?? 0).toBe(own.filter(({ seconds }) => seconds <= bound).length);
          }
        }
      }),
    );
  });

  test("ignore counts of removed metrics and of other labels or buckets", () => {
    const counts = new Counters();
    counts.add({ '["tidings_gone_total",[]]': [1], '["tidings_deliveries_total",["order","more"]]': [1] });
    counts.add({ '["tidings_connection_duration_seconds",["order"]]': [5, 1] });
    counts.observe("tidings_connection_duration_seconds", { kind: "order" }, 3);
    const samples = parseMetrics(exposition(counts.all, []));
    expect(metricValue(samples, "tidings_connection_duration_seconds")).toBe(1);
    expect(samples.map(({ name }) => name)).not.toContain("tidings_gone_total");
    expect(parseSeries('["toString",[]]')).toBeNull();
    expect(parseSeries("{")).toBeNull();
  });

  test("appear with label values escaped as Prometheus requires", () => {
    const counts = new Counters();
    counts.count("tidings_errors_total", { where: 'a "b"\\c\nd' });
    expect(exposition(counts.all, [])).toContain('tidings_errors_total{where="a \\"b\\"\\\\c\\nd"} 1\n');
  });
});
