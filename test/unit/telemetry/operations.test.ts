import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { METRICS } from "../../../src/telemetry/metrics.ts";
import { hasPromtool, promtool } from "../../support/promtool.ts";

/** The dashboard and the alert rules use the metrics that exist. */

const folder = join(import.meta.dirname, "../../../src/telemetry");
const alerts = join(folder, "alerts.yaml");
const dashboard = readFileSync(join(folder, "grafana-dashboard.json"), "utf8");

/** The metrics named in a text, without the suffixes of a histogram's series. */
const namesIn = (text: string) =>
  new Set([...text.matchAll(/tidings_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, "")));

describe("operations", () => {
  test("the dashboard shows every metric, and no unknown one", () => {
    const { panels } = JSON.parse(dashboard);
    const expressions = panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map(({ expr }) => expr),
    );
    expect([...namesIn(expressions.join(" "))].sort()).toEqual(Object.keys(METRICS).sort());
  });

  test("the alert rules use only existing metrics", () => {
    const named = namesIn(readFileSync(alerts, "utf8"));
    expect(named.size).toBeGreaterThan(4);
    for (const name of named) expect(METRICS).toHaveProperty([name]);
  });

  test("metric names follow Prometheus: base units, and _total for counters", () => {
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      if (type === "histogram") expect(name).toMatch(/_seconds$/);
      expect(help).toMatch(/^[^\n"\\]+\.$/);
    }
  });

  describe.skipIf(!hasPromtool("the alert rules"))("the alert rules", () => {
    test("are accepted by Prometheus", async () => {
      const { code, said } = await promtool(["check", "rules", alerts]);
      expect(said).toContain("8 rules found");
      expect(code).toBe(0);
    });

    test("alert when they should and stay quiet otherwise, also while /metrics fails and at a series' first value", async () => {
      const { code, said } = await promtool(["test", "rules", join(import.meta.dirname, "alert-cases.yaml")]);
      expect(said).toContain("SUCCESS");
      expect(code).toBe(0);
    });

    test("each have a case in which they alert, and one in which they stay quiet", () => {
      const cases = readFileSync(join(import.meta.dirname, "alert-cases.yaml"), "utf8");
      for (const [, name] of readFileSync(alerts, "utf8").matchAll(/- alert: (\w+)/g)) {
        expect(cases).toMatch(new RegExp(`alertname: ${name}[\\s,]+exp_alerts:`));
        expect(cases).toMatch(new RegExp(`alertname: ${name} \\}`));
      }
    });
  });
});
