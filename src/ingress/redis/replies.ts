import * as z from "zod";
import type { StreamEntry } from "./entry.ts";

/** Parses what Redis replies to stream commands. Pure. */

/** What `XINFO STREAM` says (Redis 7). */
export interface StreamInfo {
  length: number;
  /** How many entries were ever added to the stream. */
  entriesAdded: number;
  lastId: string;
}

const streamInfo = z.object({
  length: z.coerce.number(),
  "entries-added": z.coerce.number(),
  "last-generated-id": z.string(),
});

/** Parses the reply to `XINFO STREAM`. Returns null when it has another shape, as from an older Redis. */
export function parseStreamInfo(reply: unknown): StreamInfo | null {
  if (!Array.isArray(reply)) return null;
  const info = streamInfo.safeParse(Object.fromEntries(pairs(reply))).data;
  return info ? { length: info.length, entriesAdded: info["entries-added"], lastId: info["last-generated-id"] } : null;
}

const entries = z.array(z.tuple([z.string(), z.array(z.string())]));

/** Parses the reply to `XRANGE`. Returns null when it has another shape. */
export function parseEntries(reply: unknown): StreamEntry[] | null {
  const parsed = entries.safeParse(reply).data;
  if (!parsed) return null;
  return parsed.map(([id, words]) => ({ id, fields: pairs(words).map(([name, value = ""]) => [name, value]) }));
}

/** Splits a flat list of names and values, as Redis writes maps, into pairs. */
function pairs<T>(words: readonly T[]): [name: T, value: T | undefined][] {
  return words.flatMap((name, i): [T, T | undefined][] => (i % 2 === 0 ? [[name, words[i + 1]]] : []));
}
