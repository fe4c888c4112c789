import { TEST_ENV } from "./test-env.ts";

/**
 * Judges what a service prints: no token, no key, no secret, no payload. Every line of the service's own is one JSON
 * object with fields from a list, so a payload could only be in the text of an error.
 */

/** Fields that a line may have (`src/telemetry/log.ts`). */
const FIELDS = new Set(
  "level event request_id channel code seconds via key events outcomes ms method route reason fault where error lost".split(
    " ",
  ),
);

const SECRETS = [
  TEST_ENV.JWT_SECRET,
  ...TEST_ENV.PUBLISH_KEYS.split(",").map((entry) => entry.split(":")[1] ?? ""),
  "test-redis-token",
].flatMap((secret) => secret.split(","));

/** A JWT, or its beginning; a bearer header; a token in a query; a key of a signed request. */
const PATTERNS = [/eyJ[\w-]{8,}/, /bearer\s+\S{16,}/i, /[?&]token=[^\s"&]/i, /v1,[A-Za-z0-9+/]{40,}/];

/** Texts that tests have published; `data` must not be in the log. */
const payloads = new Set<string>();
const MIN_PAYLOAD_LENGTH = 12;

/** Remembers what a request body says, so that it is recognised in the log. */
export function rememberPayload(body: unknown): void {
  if (typeof body === "string" && body.length >= MIN_PAYLOAD_LENGTH && body.length < 1000) payloads.add(body);
  if (typeof body !== "object" || body === null) return;
  for (const [field, value] of Object.entries(body)) {
    // Names that are no payload.
    if (!["id", "type", "channel", "order_id", "timestamp"].includes(field)) rememberPayload(value);
  }
}

/** @returns What is wrong with a printed text, or null. */
export function leakIn(text: string): string | null {
  const pattern = PATTERNS.find((one) => one.test(text));
  if (pattern) return `something like ${pattern}`;
  if (SECRETS.some((secret) => secret !== "" && text.includes(secret))) return "a secret";
  for (const payload of payloads) if (text.includes(payload)) return "a payload";
  return fieldFault(text);
}

function fieldFault(text: string): string | null {
  if (!text.startsWith('{"level":')) return null;
  const unknown = Object.keys(JSON.parse(text)).find((field) => !FIELDS.has(field));
  return unknown === undefined ? null : `a field that no line has: ${unknown}`;
}
