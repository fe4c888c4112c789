import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Counters } from "../../../src/telemetry/counters.ts";
import { METRICS } from "../../../src/telemetry/metrics.ts";
import { recordConnectionClosed, recordPublished, recordUndelivered } from "../../../src/telemetry/record.ts";

const ROOT = join(import.meta.dirname, "../../..");
const OWNER = "src/telemetry/record.ts";

describe("every counter and histogram", () => {
  // The site reads metrics, and the catalogue defines them.
  const sources = globSync("src/**/*.{ts,tsx}", { cwd: ROOT })
    .filter(
      (file) =>
        !file.startsWith("src/site/") &&
        file !== "src/telemetry/metrics.ts" &&
        file !== "src/telemetry/known-series.ts",
    )
    .map((file) => ({ file, text: readFileSync(join(ROOT, file), "utf8") }));
  const counted = Object.entries(METRICS).flatMap(([name, { type }]) => (type === "gauge" ? [] : [name]));

  for (const name of counted) {
    test(`${name} is incremented in record.ts alone`, () => {
      const files = sources.filter(({ text }) => text.includes(name)).map(({ file }) => file);
      expect(files).toEqual([OWNER]);
    });
  }
});

describe("recording", () => {
  const source = { via: "http", key: "shop" } as const;
  const event = (acceptedAt: number) => ({ type: "order_shipped", acceptedAt }) as const;
  const published = (outcome: string) =>
    JSON.stringify(["tidings_events_published_total", ["order_shipped", "http", "shop", outcome]]);
  const LATENCY = JSON.stringify(["tidings_publish_to_send_seconds", ["http"]]);

  test("published events are counted by outcome, and the latency of those applied is observed", () => {
    const counters = new Counters();
    const events = [event(1000), event(1000), event(2000), event(9000)];
    const statuses = ["applied", "applied", "stale", "applied"] as const;
    recordPublished(
      counters,
      source,
      events,
      statuses.map((status) => ({ status })),
      3000,
    );
    expect(counters.all[published("applied")]).toEqual([3]);
    expect(counters.all[published("stale")]).toEqual([1]);
    // Two took two seconds. The third was accepted by a clock that runs ahead.
    const [sum, ...buckets] = counters.all[LATENCY] ?? [];
    expect(sum).toBe(4);
    expect(buckets.reduce((total, count) => total + count, 0)).toBe(3);
  });

  test("undelivered events are only those that reached no channel", () => {
    const counters = new Counters();
    const statuses = ["applied", "queued", "unavailable", "duplicate"] as const;
    recordUndelivered(
      counters,
      source,
      statuses.map(() => event(0)),
      statuses.map((status) => ({ status })),
    );
    expect(counters.all).toEqual({ [published("queued")]: [1], [published("unavailable")]: [1] });
  });

  test("close codes that are not listed share one series", () => {
    const counters = new Counters();
    for (const code of [1000, 4200, 4999, 3000]) recordConnectionClosed(counters, "order", code, null);
    const series = (code: string) => JSON.stringify(["tidings_connections_closed_total", ["order", code]]);
    expect(counters.all).toEqual({ [series("1000")]: [1], [series("4200")]: [1], [series("other")]: [2] });
  });

  test("counters are empty until something is counted", () => {
    const counters = new Counters();
    recordUndelivered(counters, source, [event(0)], [{ status: "applied" }]);
    expect(counters.all).toEqual({});
    recordConnectionClosed(counters, "products", 1000, 3);
    expect(counters.all).not.toEqual({});
  });
});
