import * as z from "zod";
import type { StreamEntry } from "./entry.ts";

/** Parses replies to stream commands. Pure. */

/** The reply to `XINFO STREAM` (Redis 7). */
export interface StreamInfo {
  length: number;
  /** How many entries were ever added to the stream. */
  entriesAdded: number;
  lastId: string;
  /** The id of the oldest entry; null when there is none. */
  firstId: string | null;
  /** The highest id that XDEL has removed; `0-0` when it has removed none. */
  maxDeletedId: string;
}

const streamId = z.string().regex(/^\d{1,20}-\d{1,20}$/);

/** Coercion would call methods of an object that a damaged reply has in place of a number. */
const count = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]);

const streamInfo = z.object({
  length: count,
  "entries-added": count,
  "last-generated-id": streamId,
  "max-deleted-entry-id": streamId.default("0-0"),
  "first-entry": z.tuple([streamId], z.unknown()).nullish(),
});

/** Parses the reply to `XINFO STREAM`. Returns null when it has another shape, as from an older Redis. */
export function parseStreamInfo(reply: unknown): StreamInfo | null {
  if (!Array.isArray(reply)) return null;
  const fields = pairs(reply).filter(([name]) => typeof name === "string");
  const info = streamInfo.safeParse(Object.fromEntries(fields)).data;
  if (!info) return null;
  return {
    length: info.length,
    entriesAdded: info["entries-added"],
    lastId: info["last-generated-id"],
    firstId: info["first-entry"]?.[0] ?? null,
    maxDeletedId: info["max-deleted-entry-id"],
  };
}

const entries = z.array(z.tuple([streamId, z.array(z.string())]));

/** Parses the reply to `XRANGE`. Returns null when it has another shape. */
export function parseEntries(reply: unknown): StreamEntry[] | null {
  const parsed = entries.safeParse(reply).data;
  if (!parsed) return null;
  return parsed.map(([id, words]) => ({ id, fields: pairs(words).map(([name, value = ""]) => [name, value]) }));
}

const entrySizes = z.array(z.tuple([streamId, z.number()]));

/** Parses a list of entry ids and their sizes in bytes. Returns null when it has another shape. */
export function parseEntrySizes(reply: unknown): Map<string, number> | null {
  const parsed = entrySizes.safeParse(reply).data;
  return parsed ? new Map(parsed) : null;
}

const encodedEntries = z.array(z.tuple([z.base64(), z.array(z.base64())]));

/**
 * Returns the ids of the entries that are UTF-8 throughout.
 * @param reply The reply to `XRANGE`, with its strings in base64. Null when it has another shape.
 */
export function utf8EntryIds(reply: unknown): Set<string> | null {
  const parsed = encodedEntries.safeParse(reply).data;
  if (!parsed) return null;
  return new Set(parsed.flatMap(([id, words]) => (words.every(isUtf8) ? [atob(id)] : [])));
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
function pairs<T>(words: readonly T[]): [name: T, value: T | undefined][] {
  return words.flatMap((name, i): [T, T | undefined][] => (i % 2 === 0 ? [[name, words[i + 1]]] : []));
}
