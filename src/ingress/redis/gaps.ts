import * as z from "zod";
import { pairsOf } from "./pairs.ts";

/** Finds out what a stream has lost. Pure. */

/** How far the stream was read. */
export interface ReadPosition {
  /** The id of the last entry read; `0-0` before the first. */
  id: string;
  /** How many entries the stream had ever been given when that one was read. */
  added: number;
}

/** What `XINFO STREAM` says (Redis 7). */
export interface StreamInfo {
  length: number;
  entriesAdded: number;
  lastId: string;
}

const reply = z.object({
  length: z.coerce.number(),
  "entries-added": z.coerce.number(),
  "last-generated-id": z.string(),
});

/** @returns What is known of the stream, or null when the reply means nothing. */
export function parseStreamInfo(value: unknown): StreamInfo | null {
  if (!Array.isArray(value)) return null;
  const info = reply.safeParse(Object.fromEntries(pairsOf(value))).data;
  return info ? { length: info.length, entriesAdded: info["entries-added"], lastId: info["last-generated-id"] } : null;
}

export type Gap =
  /** Entries that were not read are gone: so many. */
  | { kind: "trimmed"; lost: number }
  /** The stream is another one than the one that was read, or there is none: nobody knows how many are lost. */
  | { kind: "recreated" | "flushed" };

/**
 * What is lost, when the entry last read is no longer there.
 * @param info null when there is no stream.
 */
export function findGap(read: ReadPosition, info: StreamInfo | null): Gap | null {
  if (read.id === "0-0") return null;
  if (!info) return { kind: "flushed" };
  // The oldest go first. So with the entry last read, all before it have gone from this stream, or it is another one.
  const removed = info.entriesAdded - info.length;
  if (removed < read.added || compareIds(info.lastId, read.id) < 0) return { kind: "recreated" };
  const lost = removed - read.added;
  return lost > 0 ? { kind: "trimmed", lost } : null;
}

/** Stream ids are `<milliseconds>-<number>`; both are compared as numbers. */
export function compareIds(a: string, b: string): number {
  const [aTime = 0n, aNumber = 0n] = a.split("-").map(BigInt);
  const [bTime = 0n, bNumber = 0n] = b.split("-").map(BigInt);
  if (aTime !== bTime) return aTime < bTime ? -1 : 1;
  return aNumber < bNumber ? -1 : aNumber > bNumber ? 1 : 0;
}
