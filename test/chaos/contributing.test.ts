import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chapterText } from "../../src/site/manual/chapters.ts";
import { ROOT } from "../support/documents.ts";

/** Follows the checklists of the manual's chapter "Contributing" in a copy of the project, once. */

interface Edit {
  file: string;
  /** A line of the file. */
  after: string;
  insert: string;
}

/** What somebody does who follows each checklist. */
const WALKS: Record<string, Edit[]> = {
  "Add an event type": [
    {
      file: "src/protocol/event-data.ts",
      after: "  product_deleted: AnyProductData;",
      insert: "  product_recalled: AnyProductData & { reason?: string | null | undefined };",
    },
    {
      file: "src/protocol/events.ts",
      after: "export const EVENTS = {",
      insert: `  product_recalled: {
    channel: "products",
    summary: "A product was recalled.",
    data: z.looseObject({ ...productData, reason: z.string().nullish() }),
    example: { product_id: "p-42", reason: "Loose handle", timestamp: EXAMPLE_TIME },
  },`,
    },
    { file: "src/sdk/hooks/views.ts", after: "    product_deleted: true,", insert: "    product_recalled: true," },
    {
      file: "test/browser/demo.test.ts",
      after: "  const APPEARS_AT: Record<EventType, [selector: string, text: string | null]> = {",
      insert: '    product_recalled: [\'[data-product="p-42"] h2\', "Blue mug"],',
    },
  ],
  "Add a close code": [
    { file: "src/protocol/close-rules.ts", after: '  4110: "too_many_connections",', insert: '  4111: "too_curious",' },
    {
      file: "src/protocol/close-codes.ts",
      after: "export const CLOSE_CODES = {",
      insert: `  4111: {
    ...ruleOf(4111),
    meaning: "The client asked for too much.",
    remedy: "Ask for less.",
  },`,
    },
    {
      file: "src/protocol/refusals.ts",
      after: '  too_slow: { status: null, close: 4108, title: "Too slow" },',
      insert: '  too_curious: { status: null, close: 4111, title: "Too curious" },',
    },
  ],
  "Add a metric": [
    {
      file: "src/telemetry/metrics.ts",
      after: "export const METRICS = {",
      insert: '  tidings_tickets_issued_total: { type: "counter", labels: [], help: "Tickets issued to guests." },',
    },
    {
      file: "src/telemetry/known-series.ts",
      after: "    tidings_dead_letters_total: [[]],",
      insert: "    tidings_tickets_issued_total: [[]],",
    },
    {
      file: "src/telemetry/record.ts",
      after: "// Refusals and faults",
      insert: `
/** Counts a ticket. */
export function recordTicket(counters: Counters): void {
  counters.count("tidings_tickets_issued_total", {});
}`,
    },
    {
      file: "src/telemetry/grafana-dashboard.json",
      after: '          "expr": "sum by (where) (rate(tidings_errors_total[$__rate_interval]))",',
      insert: `          "legendFormat": "{{where}}"
        },
        {
          "refId": "B",
          "expr": "rate(tidings_tickets_issued_total[$__rate_interval])",`,
    },
    {
      file: "test/spec/metrics.test.ts",
      after: "const CAUSES: Record<Exclude<MetricName, OfRedis | OfLosses>, Cause> = {",
      insert: `  tidings_tickets_issued_total: {
    what: "a service requests a ticket",
    labels: {},
    happens: async () => serviceRequest("POST", \`/api/v1/orders/\${await registerOrder()}/tickets\`, {}),
    by: 1,
  },`,
    },
  ],
  "Add a setting": [
    {
      file: "wrangler.toml",
      after: 'RATE_LIMITS = "on"',
      insert: '\n# How long a guest waits for tea.\nTEA_SECONDS = "180"',
    },
    {
      file: "src/config/schema.ts",
      after: "  PLAIN_KEEPALIVE_SECONDS: integer(0, 0, 3600),",
      insert: "  TEA_SECONDS: integer(180, 1, 3600),",
    },
    {
      file: "src/config/config.ts",
      after: "  idleTimeoutMs: number;",
      insert: "  /** How long tea takes. */\n  teaMs: number;",
    },
    {
      file: "src/config/config.ts",
      after: "    idleTimeoutMs: settings.IDLE_TIMEOUT_SECONDS * 1000,",
      insert: "    teaMs: settings.TEA_SECONDS * 1000,",
    },
    {
      file: "test/unit/config/config.test.ts",
      after: "      idleTimeoutMs: 600_000,",
      insert: "      teaMs: 180_000,",
    },
  ],
};

/** The tests that a change of these kinds can break. */
const TESTS = ["manual-tables", "manual-operations", "config", "protocol", "telemetry", "edge/documents"];

let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "tidings-contributing-"));
  const files = [
    "src",
    "test",
    "README.md",
    "CHANGELOG.md",
    "package.json",
    "tsconfig.json",
    "vitest.config.ts",
    "wrangler.toml",
  ];
  for (const name of files) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"), "junction");
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Runs a program of the copy. @returns What it printed, if it failed. */
async function fails(script: string, ...words: string[]): Promise<string> {
  const running = promisify(execFile)(process.execPath, [script, ...words], {
    cwd: copy,
    env: { ...process.env, NO_COLOR: "1" },
  });
  return running.then(
    () => "",
    ({ stdout, stderr }) => stdout + stderr,
  );
}

test.each(Object.entries(WALKS))(
  "%s: the checklist links every file that has to change, and no other",
  (title, edits) => {
    const [, section = ""] = chapterText("contributing").split(`### ${title}\n`);
    const steps = section.split(/^#/m)[0] ?? "";
    const linked = [...steps.matchAll(/^- \[ \] \[([^\]]+)\]/gm)].map(([, file]) => file);
    expect(linked).toEqual([...new Set(edits.map(({ file }) => file))]);
  },
);

test("after all checklists, types, tables and tests agree", { timeout: 300_000 }, async () => {
  for (const { file, after, insert } of Object.values(WALKS).flat()) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    expect(text.split(`${after}\n`), `${file}: ${after}`).toHaveLength(2);
    writeFileSync(
      path,
      text.replace(`${after}\n`, () => `${after}\n${insert}\n`),
    );
  }
  expect(await fails("node_modules/typescript/bin/tsc", "-b")).toBe("");
  expect(await fails("test/support/manual-tables.ts")).toBe("");
  const paths = TESTS.map((path) => `test/unit/${path}`);
  expect(await fails("node_modules/vitest/vitest.mjs", "run", "--project", "unit", ...paths)).toBe("");
});
