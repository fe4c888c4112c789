import { parseChannelName } from "../../protocol/names.ts";
import { type AcceptedEvent, checkEvent, MAX_EVENT_BYTES } from "../../protocol/publish.ts";
import { entryLength } from "../../protocol/stream.ts";

/** An event of the largest size that waits in the stream for its channel has its id and the channel's name beside it. */
const MAX_ENTRY_LENGTH = MAX_EVENT_BYTES + 1024;

/** A stream entry: its id and its fields, as they came. */
export interface StreamEntry {
  id: string;
  fields: [name: string, value: string][];
}

export type ReadEntry = { ok: true; event: AcceptedEvent } | { ok: false; reason: string };

/**
 * Reads one entry: `channel`, `type`, `data` (JSON text), and `id`, `version`, `order` (JSON text) if they are there.
 * It goes through the same door as an event over HTTP; the entry's id is the event's unless it brings its own.
 * @returns The event, or in one line why it is none.
 */
export function readEntry({ id, fields }: StreamEntry, now = Date.now()): ReadEntry {
  if (entryLength(fields) > MAX_ENTRY_LENGTH) return refuse(`is larger than ${MAX_EVENT_BYTES} bytes`);
  const values = new Map(fields);
  const missing = ["channel", "type", "data"].filter((name) => !values.has(name));
  if (missing.length > 0) return refuse(`lacks ${missing.join(", ")}`);
  const channel = parseChannelName(values.get("channel") ?? "");
  if (!channel) return refuse("channel must be order_<order id> or products");

  const body: Record<string, unknown> = { type: values.get("type") };
  for (const name of ["data", "order"]) {
    const text = values.get(name);
    if (text === undefined) continue;
    try {
      body[name] = JSON.parse(text);
    } catch {
      return refuse(`${name} is not valid JSON`);
    }
  }
  const version = values.get("version");
  if (version !== undefined) body.version = /^\d{1,16}$/.test(version) ? Number(version) : version;
  if (values.has("id")) body.id = values.get("id");

  const checked = checkEvent(body, channel.name, id, timeOf(id, now));
  return checked.ok
    ? { ok: true, event: checked.value }
    : refuse(checked.errors.map(({ field, message }) => `${field} ${message}`).join("; "));
}

/** No entry waits so long; an id that says so was chosen by whoever added the entry. */
const LONGEST_WAIT_MS = 30 * 86_400_000;

/**
 * When an entry was added: the first part of its id, unless that cannot be.
 * @param now Milliseconds since 1970, as is what it returns.
 */
export function timeOf(id: string, now: number): number {
  const time = Number(id.split("-")[0]);
  return time > now - LONGEST_WAIT_MS && time <= now ? time : now;
}

const refuse = (reason: string): ReadEntry => ({ ok: false, reason });
