import { TEST_ENV } from "./test-env.ts";

/**
 * Judges what a service prints: no token, no key, no secret, no payload. Every line of the service's own is one JSON
 * object with fields from a list, so a payload could only be in the text of an error.
 */

/** Fields that a line may have (`src/telemetry/log.ts`). */
const FIELDS = new Set(
  "level event request_id channel code seconds via key events outcomes ms method route reason reason_detail where error lost".split(
    " ",
  ),
);

const SECRETS = [
  TEST_ENV.JWT_SECRET,
  ...TEST_ENV.PUBLISH_KEYS.split(",").map((entry) => entry.split(":")[1] ?? ""),
  "test-redis-token",
].flatMap((secret) => secret.split(","));

/**
 * A JWT, or its beginning; a bearer header; a token in a query, but for `?token=JWT`, as names of tests have it; a
 * key of a signed request.
 */
const PATTERNS = [/eyJ[\w-]{8,}/, /bearer\s+\S{16,}/i, /[?&]token=(?!JWT\b)[^\s"&]/i, /v1,[A-Za-z0-9+/]{40,}/];

/** Texts that tests have published, in every way that they may be written; `data` must not be in the log. */
const payloads = new Set<string>();
const MIN_PAYLOAD_LENGTH = 12;
/** Fields of bodies that may be in the log, or are the same in all of them. */
const NO_PAYLOAD = new Set(["id", "type", "channel", "order_id", "timestamp"]);
/** A longer one is known by its beginning. */
const KNOWN_BY_LENGTH = 200;
/** A text in `data` in the text of an error in a line of JSON: quotes are escaped so many times. */
const MAX_ESCAPES = 3;

/** Secrets besides those of `test-env.ts`. */
const moreSecrets = new Set<string>();

export function rememberSecret(secret: string): void {
  if (secret.length >= MIN_PAYLOAD_LENGTH) moreSecrets.add(secret);
}

/** Remembers what a request body says, be it JSON text or what becomes it, so that it is recognised in the log. */
export function rememberPayload(body: unknown): void {
  // Bodies may be nested deeper than calls can be.
  const waiting = [body];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value === "string") {
      rememberText(value);
      value = parsedOrNull(value);
    }
    if (typeof value !== "object" || value === null) continue;
    for (const [field, item] of Object.entries(value)) if (!NO_PAYLOAD.has(field) && item !== null) waiting.push(item);
  }
}

function rememberText(text: string): void {
  if (text.length < MIN_PAYLOAD_LENGTH) return;
  // Half a surrogate pair would be found nowhere.
  let written = text.slice(0, KNOWN_BY_LENGTH).replace(/[\uD800-\uDBFF]$/, "");
  for (let escapes = 0; escapes <= MAX_ESCAPES; escapes++) {
    payloads.add(written);
    written = JSON.stringify(written).slice(1, -1);
  }
}

/** @returns What is wrong with a printed text, or null. */
export function leakIn(text: string): string | null {
  const pattern = PATTERNS.find((one) => one.test(text));
  if (pattern) return `something like ${pattern}`;
  for (const secret of [...SECRETS, ...moreSecrets]) if (secret !== "" && text.includes(secret)) return "a secret";
  for (const payload of payloads) if (text.includes(payload)) return "a payload";
  return text.split("\n").map(fieldFault).find(Boolean) ?? null;
}

function fieldFault(line: string): string | null {
  if (!line.startsWith('{"level":')) return null;
  // A process that is killed may leave half a line behind.
  const unknown = Object.keys(parsedOrNull(line) ?? {}).find((field) => !FIELDS.has(field));
  return unknown === undefined ? null : `a field that no line has: ${unknown}`;
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
