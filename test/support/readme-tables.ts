import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { costInWords } from "../../src/cli/cost/in-words.ts";
import { CLOSE_CODES } from "../../src/protocol/close-codes.ts";
import { DEAD_LETTER_REASONS } from "../../src/protocol/dead-letters.ts";
import { EVENTS } from "../../src/protocol/events.ts";
import { REFUSALS } from "../../src/protocol/refusals.ts";
import { METRICS } from "../../src/telemetry/metrics.ts";
import { DIFFERENCES } from "../original/differences.ts";
import { LIMITS } from "./documented-limits.ts";
import { LOGIN_PROVIDERS } from "./login-providers.ts";
import { allProofs, PROMISES } from "./promises.ts";

/** Generates the README's tables from the source. `npm run docs` writes them; a test compares them. */

export const README = join(import.meta.dirname, "../../README.md");

/** Returns the anchor that GitHub gives a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const table = (headings: string[], rows: string[][]): string =>
  [headings, headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const RETRY = { never: "no", backoff: "after a back-off", now: "immediately, with jitter" };

/** Links to the test files that prove a promise. */
const proofsOf = (promise: string): string => {
  const files = new Set(allProofs().flatMap((proof) => (proof.promise === Number(promise) ? [proof.file] : [])));
  return [...files].map((file) => `[${file.slice("test/".length, -".test.ts".length)}](${file})`).join(", ");
};

/** Links to a section that a comment names as `README, "Limits"`. */
const withLinks = (text: string): string =>
  text.replaceAll(/README, "([^"]+)"/g, (_, title: string) => `[${title}](#${anchorOf(title)})`);

/** The settings of `wrangler.toml`: each is explained by the comment above it. */
const settingsOf = (wranglerToml: string) => {
  const [, vars = ""] = /^\[vars\]\n([\s\S]*?)^\[/m.exec(wranglerToml) ?? [];
  return [...vars.matchAll(/^((?:# .*\n)*)(\w+) = "(.*)"$/gm)].map(([, comment = "", name = "", value = ""]) => ({
    name,
    value,
    meaning: withLinks(comment.replaceAll(/^# /gm, "").trim().replaceAll("\n", " ")),
  }));
};

export const SETTINGS = settingsOf(readFileSync(join(import.meta.dirname, "../../wrangler.toml"), "utf8"));

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
  "close-codes": table(
    ["code", "name", "cause", "retry automatically?", "what to do"],
    Object.entries(CLOSE_CODES).map(([code, { name, meaning, retry, remedy }]) => [
      code,
      `\`${name}\``,
      meaning,
      RETRY[retry],
      remedy,
    ]),
  ),
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
  cost: `\`\`\`text\n${costInWords({ listeners: 1000, events: 1, session: 60, batch: 1, shards: 0 })}\n\`\`\``,
  problems: table(
    ["status", "`type`", "`title`"],
    Object.entries(REFUSALS)
      .flatMap(([reason, { status, title }]) => (status === null ? [] : [{ reason, status, title }]))
      .sort((a, b) => a.status - b.status)
      .map(({ reason, status, title }) => [String(status), `\`urn:tidings:problem:${reason}\``, title]),
  ),
};

/** Returns the README's text with every generated table up to date. @throws when a table's markers are missing. */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const markers = new RegExp(`(<!-- table: ${name} -->\n)[\\s\\S]*?(<!-- end of table -->)`);
    if (!markers.test(text)) throw new Error(`README.md has no markers for the table "${name}"`);
    return text.replace(markers, (_, start: string, end: string) => `${start}\n${rows}\n\n${end}`);
  }, readme);
}

if (import.meta.main) writeFileSync(README, withTables(readFileSync(README, "utf8")));
