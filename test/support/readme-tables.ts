import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLOSE_CODES } from "../../src/protocol/close-codes.ts";
import { EVENTS } from "../../src/protocol/events.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { REFUSALS } from "../../src/protocol/refusals.ts";

import { METRICS } from "../../src/telemetry/metrics.ts";

/** The generated tables of README.md. `npm run docs` writes them; a test compares them. */

export const README = join(import.meta.dirname, "../../README.md");

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const RETRY = { never: "no", backoff: "after a back-off", now: "at once, with jitter" };

const TABLES: Record<string, string> = {
  events: table(
    ["type", "channel", "what happened", "example `data`"],
    Object.entries(EVENTS).map(([type, { channel, summary, example }]) => [
      `\`${type}\``,
      channel === "order" ? "`order_<id>`" : "`products`",
      summary,
      `\`${JSON.stringify(example)}\``,
    ]),
  ),
  "close-codes": table(
    ["code", "name", "why", "may a client come back by itself?", "what to do"],
    Object.entries(CLOSE_CODES).map(([code, { name, meaning, retry, todo }]) => [
      code,
      `\`${name}\``,
      meaning,
      RETRY[retry],
      todo,
    ]),
  ),
  limits: table(
    ["what", "at most", "more is refused with"],
    LIMITS.map(({ what, limit, refusal, of }) => {
      const { status, close }: { status: number | null; close: number | null } = REFUSALS[refusal];
      const codes = { socket: `close code ${close}`, call: `HTTP ${status}` };
      return [what, limit, of.map((one) => codes[one]).join(", ")];
    }),
  ),
  metrics: table(
    ["metric", "type", "labels", "what it says"],
    Object.entries(METRICS).map(([name, { type, labels, help }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ]),
  ),
  problems: table(
    ["status", "`type`", "`title`"],
    Object.entries(REFUSALS)
      .flatMap(([reason, { status, title }]) => (status === null ? [] : [{ reason, status, title }]))
      .sort((a, b) => a.status - b.status)
      .map(({ reason, status, title }) => [String(status), `\`urn:tidings:problem:${reason}\``, title]),
  ),
};

/** @returns README's text with every table generated from the current source. @throws when a table has no place in it. */
export function withTables(readme: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const place = new RegExp(`(<!-- table: ${name} -->\n)[\\s\\S]*?(<!-- end of table -->)`);
    if (!place.test(text)) throw new Error(`README.md has no place for the table "${name}"`);
    return text.replace(place, (_, start: string, end: string) => `${start}\n${rows}\n\n${end}`);
  }, readme);
}

if (import.meta.main) writeFileSync(README, withTables(readFileSync(README, "utf8")));
