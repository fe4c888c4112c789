import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { addCost } from "../../src/cli/cost/cost.ts";
import { processTerminal } from "../../src/cli/shared/terminal.ts";
import { CLOSE_CODE_TABLE } from "../../src/edge/documents/prose.ts";
import { DEAD_LETTER_REASONS } from "../../src/protocol/dead-letters.ts";
import { EVENTS } from "../../src/protocol/events.ts";
import { REFUSALS } from "../../src/protocol/refusals.ts";
import { anchorOf, CHAPTERS, chapterText } from "../../src/site/manual/chapters.ts";
import { METRICS } from "../../src/telemetry/metrics.ts";
import { readResults, SPEED_HEADINGS, speedOrigin, speedRows } from "../bench/report/manual.ts";
import {
  FAILURE_HEADINGS,
  failureRows,
  failuresSummary,
  RUN_HEADINGS,
  runRows,
  runsOrigin,
} from "../chaos/manual/rows.ts";
import { DIFFERENCES } from "../original/differences.ts";
import { LIMITS } from "./documented-limits.ts";
import { DOCUMENTS, headingsOf, ROOT, read } from "./documents.ts";
import { LOGIN_PROVIDERS } from "./login-providers.ts";
import { allProofs, PROMISES } from "./promises.ts";

/** Generates the tables of README and manual from the source. `npm run docs` writes them; a test compares them. */

const table = (headings: string[], rows: string[][]): string =>
  [headings, headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** The options of `npm run cost` for the shops of the chapter "Cost": a small one, a busy one, and one of the world. */
const SHOPS = ["", "--listeners 10000 --events 10 --batch 10 --filtered 4/10000", "--listeners 100000 --events 10"];

/** Returns what `npm run cost` prints. */
function costOf(options: string): string {
  const lines: string[] = [];
  const program = new Command();
  addCost(program, { ...processTerminal, out: (line) => lines.push(line) });
  program.parse(["cost", ...options.split(" ").filter(Boolean)], { from: "user" });
  return lines.join("\n");
}

/** Links to the test files that prove a promise. */
const proofsOf = (promise: string): string => {
  const files = new Set(allProofs().flatMap((proof) => (proof.promise === Number(promise) ? [proof.file] : [])));
  return [...files].map((file) => `[${file.slice("test/".length, -".test.ts".length)}](../../../${file})`).join(", ");
};

/** Links to a section of the manual that a comment names as `manual, "Limits"`. @throws when no chapter has it. */
const withLinks = (text: string): string =>
  text.replaceAll(/manual, "([^"]+)"/g, (_, title: string) => `[${title}](${sectionNamed(title)})`);

function sectionNamed(title: string): string {
  for (const chapter of CHAPTERS) {
    const heading = headingsOf(chapterText(chapter)).find((one) => one.title === title);
    if (heading !== undefined) return heading.level === 1 ? `${chapter}.md` : `${chapter}.md#${heading.anchor}`;
  }
  throw new Error(`No chapter of the manual has the heading "${title}"`);
}

/** The settings of `wrangler.toml`: each is explained by the comment above it. */
const settingsOf = (wranglerToml: string) => {
  const [, vars = ""] = /^\[vars\]\n([\s\S]*?)^\[/m.exec(wranglerToml) ?? [];
  return [...vars.matchAll(/^((?:# .*\n)*)(\w+) = "(.*)"$/gm)].map(([, comment = "", name = "", value = ""]) => ({
    name,
    value,
    meaning: withLinks(comment.replaceAll(/^# /gm, "").trim().replaceAll("\n", " ")),
  }));
};

export const SETTINGS = settingsOf(readFileSync(join(ROOT, "wrangler.toml"), "utf8"));

export const ALERTS = join(ROOT, "src/telemetry/alerts.yaml");
const ALERT = /- alert: (\w+)\n[\s\S]*?severity: (\w+)\n[\s\S]*?summary: (.+)\n/g;

/** The rules of `alerts.yaml`. */
export const alertsIn = (yaml: string) =>
  [...yaml.matchAll(ALERT)].map(([, name = "", severity = "", summary = ""]) => ({ name, severity, summary }));

const TABLES: Record<string, string> = {
  settings: table(
    ["setting", "default", "meaning"],
    SETTINGS.map(({ name, value, meaning }) => [`\`${name}\``, value === "" ? "" : `\`${value}\``, meaning]),
  ),
  promises: table(
    ["", "promise", "proved by the tests in"],
    Object.entries(PROMISES).map(([number, { title }]) => [number, title, proofsOf(number)]),
  ),
  "login-providers": table(
    ["login service", "settings", "note"],
    LOGIN_PROVIDERS.map(({ name, settings, hint }) => [
      name,
      Object.entries(settings)
        .map(([setting, value]) => `\`${setting} = "${value}"\``)
        .join("<br>"),
      hint,
    ]),
  ),
  events: table(
    ["type", "channel", "meaning", "example `data`"],
    Object.entries(EVENTS).map(([type, { channel, summary, example }]) => [
      `\`${type}\``,
      channel === "order" ? "`order_<id>`" : "`products`",
      summary,
      `\`${JSON.stringify(example)}\``,
    ]),
  ),
  "close-codes": CLOSE_CODE_TABLE,
  limits: table(
    ["what", "limit", "beyond it"],
    LIMITS.map(({ what, limit, refusal, appliesTo }) => {
      const { status, close }: { status: number | null; close: number | null } = REFUSALS[refusal];
      const codes = { socket: `close code ${close}`, call: `HTTP ${status}` };
      return [what, limit, appliesTo.map((kind) => codes[kind]).join(", ")];
    }),
  ),
  metrics: table(
    ["metric", "type", "labels", "meaning"],
    Object.entries(METRICS).map(([name, { type, labels, help }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ]),
  ),
  alerts: table(
    ["alert", "severity", "what it means"],
    alertsIn(readFileSync(ALERTS, "utf8")).map(({ name, severity, summary }) => [
      `[${name}](#${anchorOf(name)})`,
      severity,
      summary,
    ]),
  ),
  "dead-letters": table(
    ["reason", "meaning", "what to do", "retry?"],
    Object.entries(DEAD_LETTER_REASONS).map(([code, { meaning, remedy, canRetry }]) => [
      `\`${code}\``,
      meaning,
      remedy,
      canRetry ? "yes" : "no",
    ]),
  ),
  differences: table(
    ["what", "the original", "Tidings", "why"],
    Object.values(DIFFERENCES).map(({ what, original, tidings, why }) => [what, original, tidings, why]),
  ),
  cost: SHOPS.map(
    (options) => `\`\`\`text\n$ npm run cost${options && ` -- ${options}`}\n${costOf(options)}\n\`\`\``,
  ).join("\n\n"),
  failures: `${failuresSummary()}\n\n${table(FAILURE_HEADINGS, failureRows())}`,
  runs: `${table(RUN_HEADINGS, runRows())}\n\n${runsOrigin()}`,
  speed: `${table(SPEED_HEADINGS, speedRows(readResults()))}\n\n${speedOrigin(readResults())}`,
  problems: table(
    ["status", "`type`", "`title`"],
    Object.entries(REFUSALS)
      .flatMap(([reason, { status, title }]) => (status === null ? [] : [{ reason, status, title }]))
      .sort((a, b) => a.status - b.status)
      .map(({ reason, status, title }) => [String(status), `\`urn:tidings:problem:${reason}\``, title]),
  ),
};

const MARKED = /(<!-- table: ([\w-]+) -->\n)[\s\S]*?(<!-- end of table -->)/g;

/** Returns the names of the tables that a document shows. */
export const tablesIn = (markdown: string): string[] => [...markdown.matchAll(MARKED)].map(([, , name = ""]) => name);

export const TABLE_NAMES = Object.keys(TABLES);

/** Returns a document with every generated table up to date. @throws when it shows a table that is unknown. */
export function withTables(markdown: string): string {
  return markdown.replace(MARKED, (_, start: string, name: string, end: string) => {
    const rows = TABLES[name];
    if (rows === undefined) throw new Error(`Nothing generates the table "${name}"`);
    return `${start}\n${rows}\n\n${end}`;
  });
}

if (import.meta.main) for (const path of DOCUMENTS) writeFileSync(path, withTables(read(path)));
