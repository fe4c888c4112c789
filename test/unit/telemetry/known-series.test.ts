import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { KeyReason } from "../../../src/edge/auth/keys.ts";
import type { TokenReason } from "../../../src/edge/auth/token-refusals.ts";
import { Counters } from "../../../src/telemetry/counters.ts";
import { exposition } from "../../../src/telemetry/exposition.ts";
import { knownSeries } from "../../../src/telemetry/known-series.ts";
import { AUTH_FAILURES, FAULT_PLACES } from "../../../src/telemetry/labels.ts";
import { METRICS } from "../../../src/telemetry/metrics.ts";
import { metricValue, parseMetrics } from "../../support/metrics.ts";

const KEYS = ["shop", "warehouse"];

describe("from the start", () => {
  const known = knownSeries(["order_shipped", "stock_reserved"], KEYS);
  const samples = parseMetrics(exposition({}, [], known));

  test("every counter and histogram has its series with known labels, and all are 0", () => {
    for (const [name, { type, labels }] of Object.entries(METRICS)) {
      if (type === "gauge") continue;
      const series = known[name as keyof typeof known];
      expect(series.length, name).toBeGreaterThan(0);
      for (const values of series) expect(values).toHaveLength(labels.length);
    }
    expect(samples.every(({ value }) => value === 0)).toBe(true);
    const has = (name: string, labels: Record<string, string>) =>
      samples.some(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
    expect(has("tidings_errors_total", { where: "stream_gap" })).toBe(true);
    expect(has("tidings_connections_closed_total", { kind: "order", code: "4110" })).toBe(true);
    expect(
      has("tidings_events_published_total", {
        type: "order_shipped",
        via: "http",
        key: "shop",
        outcome: "unavailable",
      }),
    ).toBe(true);
    expect(
      has("tidings_events_published_total", { type: "order_shipped", via: "redis", key: "", outcome: "applied" }),
    ).toBe(true);
    expect(has("tidings_rate_limited_total", { limit: "publishes_per_key", key: "warehouse" })).toBe(true);
    expect(has("tidings_publish_to_send_seconds_bucket", { via: "redis", le: "0.0005" })).toBe(true);
    console.log(`${samples.length} samples from the start with two publish keys`);
  });

  test("no series is there twice, and counting moves the one that is there", () => {
    const counts = new Counters();
    counts.count("tidings_errors_total", { where: "deliver" }, 3);
    counts.observe("tidings_publish_to_send_seconds", { via: "http" }, 0.001);
    const after = parseMetrics(exposition(counts.all, [], known));
    const names = after.map(({ name, labels }) => JSON.stringify([name, labels]));
    expect(new Set(names).size).toBe(names.length);
    expect(after).toHaveLength(samples.length);
    expect(metricValue(after, "tidings_errors_total", { where: "deliver" })).toBe(3);
  });

  test("an event that took less than a millisecond is distinct from one that took three", () => {
    const counts = new Counters();
    for (const seconds of [0, 0, 0.003]) counts.observe("tidings_publish_to_send_seconds", { via: "http" }, seconds);
    const bucket = (le: string) =>
      parseMetrics(exposition(counts.all, [])).find(({ labels }) => labels.le === le)?.value;
    expect([bucket("0.0005"), bucket("0.0025"), bucket("0.005")]).toEqual([2, 2, 3]);
  });
});

describe("the lists of label values are complete:", () => {
  test("why credentials are refused", () => {
    // Does not compile when a reason is missing here, or is none.
    const reasons: Record<TokenReason | `key_${KeyReason}` | "key_scope", true> = {
      missing: true,
      too_long: true,
      malformed: true,
      algorithm: true,
      unknown_key: true,
      key_not_known_yet: true,
      keys_unavailable: true,
      signature: true,
      expired: true,
      valid_soon: true,
      not_yet_valid: true,
      claim: true,
      key_missing: true,
      key_unknown: true,
      key_signature_malformed: true,
      key_timestamp: true,
      key_signature: true,
      key_unsignable: true,
      key_unbound: true,
      key_scope: true,
      key_several: true,
      key_page: true,
    };
    expect([...AUTH_FAILURES].sort()).toEqual(Object.keys(reasons).sort());
  });

  test("where faults are logged", () => {
    const root = join(import.meta.dirname, "../../..");
    const sources = globSync("src/{channels,edge,ingress,registry,telemetry}/**/*.ts", { cwd: root });
    const places = sources.flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/(?:logFault\(|reportFault\(c,)\s*"(\w+)"/g)].map(
        ([, place]) => place,
      ),
    );
    expect([...new Set(places)].sort()).toEqual([...FAULT_PLACES].sort());
  });
});
