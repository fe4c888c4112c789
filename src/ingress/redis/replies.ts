import * as z from "zod";
import type { StreamEntry } from "./entry.ts";

/** Parses replies to stream commands. Pure. */

/** What `XINFO STREAM` says (Redis 7). */
export interface StreamInfo {
  length: number;
  /** How many entries were ever added to the stream. */
  entriesAdded: number;
  lastId: string;
  /** The id of the oldest entry; null when there is none. */
  firstId: string | null;
  /** The highest id that XDEL has removed; 0-0, which precedes every entry, when it has removed none. */
  maxDeletedId: string;
}

/** Null when the stream does not exist; `unknown` when Redis does not say enough, as before version 7. */
export type StreamDescription = StreamInfo | "unknown" | null;

const streamId = z.string().regex(/^\d{1,20}-\d{1,20}$/);

/** Coercion would call methods of an object that a damaged reply has in place of a number. */
const count = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]);

const description = z.tuple([count, count, streamId, streamId.nullable(), streamId.nullable()]);

/** Parses the reply of a script that describes the stream. */
export function parseStreamDescription(reply: unknown): StreamDescription {
  if (reply === null || reply === undefined) return null;
  const parsed = description.safeParse(reply).data;
  if (!parsed) return "unknown";
  const [length, entriesAdded, lastId, maxDeletedId, firstId] = parsed;
  return { length, entriesAdded, lastId, firstId, maxDeletedId: maxDeletedId ?? "0-0" };
}

const entries = z.array(z.tuple([streamId, z.array(z.string())]));

/** Parses the reply to `XRANGE`. Returns null when it has another shape. */
export function parseEntries(reply: unknown): StreamEntry[] | null {
  const parsed = entries.safeParse(reply).data;
  if (!parsed) return null;
  return parsed.map(([id, words]) => ({ id, fields: pairs(words) }));
}

const entrySizes = z.array(z.tuple([streamId, z.number()]));

/** Parses a list of entry ids and their sizes in bytes. Returns null when it has another shape. */
export function parseEntrySizes(reply: unknown): [id: string, bytes: number][] | null {
  return entrySizes.safeParse(reply).data ?? null;
}

const encodedEntries = z.array(z.tuple([z.base64(), z.array(z.base64())]));

/**
 * Returns the ids of the entries that are not UTF-8 throughout, or null when the reply has another shape.
 * @param reply The reply to `XRANGE`, with its strings in base64.
 */
export function notUtf8EntryIds(reply: unknown): Set<string> | null {
  const parsed = encodedEntries.safeParse(reply).data;
  if (!parsed) return null;
  return new Set(parsed.flatMap(([id, words]) => (words.every(isUtf8) ? [] : [atob(id)])));
}

function isUtf8(base64: string): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)),
    );
    return true;
  } catch {
    return false;
  }
}

/** Splits a flat list of names and values, as Redis writes maps, into pairs. */
function pairs(words: string[]): StreamEntry["fields"] {
  return words.flatMap((name, i): StreamEntry["fields"] => (i % 2 === 0 ? [[name, words[i + 1] ?? ""]] : []));
}
