import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { AUTH_FAILURES, FAULT_PLACES, LIMIT_NAMES } from "../../src/telemetry/labels.ts";
import { METRICS } from "../../src/telemetry/metrics.ts";
import { headingsOf } from "../support/documents.ts";
import { ALERTS, alertsIn } from "../support/manual-tables.ts";
import { hasPromtool, promtool } from "../support/promtool.ts";
import { fileIn } from "../support/snippets.ts";

/** What the manual says about operating the service. */

const chapter = chapterText("operate");
const alerts = alertsIn(readFileSync(ALERTS, "utf8")).map(({ name }) => name);
const directory = mkdtempSync(join(tmpdir(), "tidings-operations-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("every alert has a runbook, and every runbook an alert", () => {
  const runbooks = headingsOf(chapter).flatMap(({ title }) => (title.startsWith("Tidings") ? [title] : []));
  expect(alerts.length).toBeGreaterThan(5);
  expect(runbooks).toEqual(alerts);
});

test("runbooks name only metrics, places of faults, reasons and limits that exist", () => {
  const named = (pattern: RegExp) => [...chapter.matchAll(pattern)].map(([, name]) => String(name));
  const metrics = named(/`(tidings_[a-z_]+)`/g);
  expect(metrics.filter((name) => !(name in METRICS))).toEqual([]);
  const places = named(/"where":"(\w+)"/g);
  expect(places.filter((place) => !FAULT_PLACES.some((known) => known === place))).toEqual([]);
  const reasons = named(/`((?:key|keys)_\w+)`/g).filter((name) => name !== "keys_skipped");
  expect(reasons.filter((reason) => !AUTH_FAILURES.some((known) => known === reason))).toEqual([]);
  const limits = named(/`(connections_per_\w+)`/g);
  expect(limits.filter((limit) => !LIMIT_NAMES.some((known) => known === limit))).toEqual([]);
  for (const names of [metrics, places, reasons, limits]) expect(names.length).toBeGreaterThan(0);
});

test.skipIf(!hasPromtool("the manual's rules for Prometheus"))(
  "Prometheus accepts the objectives and the configuration",
  async () => {
    writeFileSync(join(directory, "tidings-objectives.yaml"), fileIn(chapter, "tidings-objectives.yaml"));
    writeFileSync(join(directory, "tidings-alerts.yaml"), readFileSync(ALERTS, "utf8"));
    writeFileSync(join(directory, "prometheus.yml"), fileIn(chapter, "prometheus.yml"));
    // The key's file is on the operator's machine.
    const { code, said } = await promtool(["check", "config", "--syntax-only", join(directory, "prometheus.yml")]);
    expect([said, code]).toEqual([expect.stringContaining("SUCCESS"), 0]);
    const rules = await promtool(["check", "rules", join(directory, "tidings-objectives.yaml")]);
    expect([rules.said, rules.code]).toEqual([expect.stringContaining("4 rules found"), 0]);
    const used = fileIn(chapter, "tidings-objectives.yaml").match(/tidings_[a-z_]+/g) ?? [];
    const unknown = used.map((name) => name.replace(/_(bucket|count)$/, "")).filter((name) => !(name in METRICS));
    expect(unknown).toEqual([]);
  },
);
