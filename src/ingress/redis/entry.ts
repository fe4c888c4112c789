import type { Catalogue } from "../../protocol/catalogue.ts";
import type { DeadLetterCode } from "../../protocol/dead-letters.ts";
import { parseExactJson } from "../../protocol/exact-json.ts";
import { CHANNEL_RULE, parseChannelName } from "../../protocol/names.ts";
import { type AcceptedEvent, checkEvent, MAX_BATCH_BYTES } from "../../protocol/publish.ts";
import { entryLength } from "../../protocol/stream.ts";

/** As long as a body over HTTP; `checkEvent` then measures the event. */
export const MAX_ENTRY_LENGTH = MAX_BATCH_BYTES;

/** A stream entry, unvalidated. */
export interface StreamEntry {
  id: string;
  fields: [name: string, value: string][];
}

export type ReadEntry = { ok: true; event: AcceptedEvent } | { ok: false; code: DeadLetterCode; reason: string };

/**
 * Reads an entry with the fields `channel`, `type`, `data` (JSON text), and optionally `id`, `version` and `order`
 * (JSON text). The event is validated like one published over HTTP.
 * @param catalogue The event types that the service accepts.
 * @param fallbackId The event's id when the entry has no `id`.
 * @returns The event, or one line saying why the entry is not an event.
 */
export function readEntry(
  catalogue: Catalogue,
  { id, fields }: StreamEntry,
  now = Date.now(),
  fallbackId = id,
): ReadEntry {
  if (entryLength(fields) > MAX_ENTRY_LENGTH) return reject(`is larger than ${MAX_BATCH_BYTES} bytes`, "too_large");
  const values = new Map(fields);
  const missing = ["channel", "type", "data"].filter((name) => !values.has(name));
  if (missing.length > 0) return reject(`lacks ${missing.join(", ")}`);
  const channel = parseChannelName(values.get("channel") ?? "");
  if (!channel) return reject(`channel ${CHANNEL_RULE}`);

  const body: Record<string, unknown> = { type: values.get("type") };
  for (const name of ["data", "order"]) {
    const text = values.get(name);
    if (text === undefined) continue;
    try {
      body[name] = parseExactJson(text);
    } catch {
      return reject(`${name} is not valid JSON`);
    }
  }
  const version = values.get("version");
  if (version !== undefined) body.version = /^\d{1,16}$/.test(version) ? Number(version) : version;
  if (values.has("id")) body.id = values.get("id");

  const checked = checkEvent(catalogue, body, channel.name, fallbackId, entryTime(id, now));
  if (checked.ok) return { ok: true, event: checked.value };
  const reason = checked.errors.map(({ field, message }) => `${field} ${message}`).join("; ");
  return reject(reason, checked.reason === "body_too_large" ? "too_large" : "not_an_event");
}

/** An entry that claims to be older was given its id by the publisher. */
const MAX_ENTRY_AGE_MS = 30 * 86_400_000;

/**
 * Returns when an entry was added, in milliseconds since 1970: the first part of its id, or `now` when that is not a
 * plausible time.
 */
export function entryTime(id: string, now: number): number {
  const time = Number(id.split("-")[0]);
  return time > now - MAX_ENTRY_AGE_MS && time <= now ? time : now;
}

const reject = (reason: string, code: DeadLetterCode = "not_an_event"): ReadEntry => ({ ok: false, code, reason });
