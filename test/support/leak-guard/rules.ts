import { EVENTS } from "../../../src/protocol/events.ts";
import { TEST_ENV } from "../test-env.ts";

/**
 * What must never be printed: tokens, keys, secrets and event payloads. The service logs one JSON object per line with
 * fields from a fixed list, so a payload could only appear inside an error message.
 *
 * The guard looks in three places: `console.ts` inside workerd, `process-output.ts` for child processes, and
 * `run-setup.ts` for the output of the whole run. `check-file.ts` checks a saved output.
 */

/** Fields of a log line (`src/telemetry/log.ts`). */
const FIELDS = new Set(
  "level event request_id channel code seconds via key events outcomes ms method route reason reason_detail claim where error lost".split(
    " ",
  ),
);

const SECRETS = [
  TEST_ENV.JWT_SECRET,
  ...TEST_ENV.PUBLISH_KEYS.split(",").map((entry) => entry.split(":")[1] ?? ""),
  "test-redis-token",
].flatMap((secret) => secret.split(","));

/**
 * A JWT or its beginning; a bearer header; a token in a query, except `?token=JWT` in test names; a Standard Webhooks
 * signature.
 */
const PATTERNS = [/eyJ[\w-]{8,}/, /bearer\s+\S{16,}/i, /[?&]token=(?!JWT\b)[^\s"&]/i, /v1,[A-Za-z0-9+/]{40,}/];

/** Published texts in every escaping they may be printed with. */
const payloads = new Set<string>();
/** Shorter texts could appear by coincidence. */
const MIN_PAYLOAD_LENGTH = 12;
/** Fields that may be logged, or are the same in every body. */
const NOT_PAYLOAD = new Set(["id", "type", "channel", "order_id", "timestamp"]);
/** Longer payloads are recognized by this many leading characters. */
const KNOWN_BY_LENGTH = 200;
/** How often quotes are escaped when a text in `data` ends up in an error message in a line of JSON. */
const MAX_ESCAPES = 3;

/** Secrets created during the run, in addition to those of `test-env.ts`. */
const moreSecrets = new Set<string>();

/** Adds a secret to look for. */
export function rememberSecret(secret: string): void {
  if (secret.length >= MIN_PAYLOAD_LENGTH) moreSecrets.add(secret);
}

/** Adds every text of a request body, given as JSON text or as a value, to the payloads to look for. */
export function rememberPayload(body: unknown): void {
  // A loop, because bodies may be nested deeper than the call stack allows.
  const waiting = [body];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value === "string") {
      rememberText(value);
      value = parsedOrNull(value);
    }
    if (typeof value !== "object" || value === null) continue;
    for (const [field, item] of Object.entries(value)) if (!NOT_PAYLOAD.has(field) && item !== null) waiting.push(item);
  }
}

/** Removes every payload, at the end of a test file. */
export function forgetPayloads(): void {
  payloads.clear();
}

/** Adds the examples of the event catalogue, which most tests publish. Some commands print them on purpose. */
export function rememberExamples(): void {
  for (const { example } of Object.values(EVENTS)) rememberPayload(example);
}

function rememberText(text: string): void {
  if (text.length < MIN_PAYLOAD_LENGTH) return;
  // Half a surrogate pair would never match.
  let written = text.slice(0, KNOWN_BY_LENGTH).replace(/[\uD800-\uDBFF]$/, "");
  for (let escapes = 0; escapes <= MAX_ESCAPES; escapes++) {
    payloads.add(written);
    written = JSON.stringify(written).slice(1, -1);
  }
}

/** Looks for a leak in printed text. @returns What was found, without repeating it, or null. */
export function leakIn(text: string): string | null {
  const pattern = PATTERNS.find((one) => one.test(text));
  if (pattern) return `something like ${pattern}`;
  for (const secret of [...SECRETS, ...moreSecrets]) if (secret !== "" && text.includes(secret)) return "a secret";
  for (const payload of payloads) if (text.includes(payload)) return "a payload";
  return text.split("\n").map(unknownField).find(Boolean) ?? null;
}

function unknownField(line: string): string | null {
  if (!line.startsWith('{"level":')) return null;
  // A killed process may leave half a line behind, which does not parse.
  const unknown = Object.keys(parsedOrNull(line) ?? {}).find((field) => !FIELDS.has(field));
  return unknown === undefined ? null : `an unknown log field: ${unknown}`;
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
