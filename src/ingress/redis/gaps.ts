import type { StreamInfo } from "./replies.ts";

/** Finds out what a stream has lost. Pure. */

/** The cursor before the first entry. */
export const STREAM_START = "0-0";

/** How far the stream was read. */
export interface ReadPosition {
  /** The id of the last entry read; `STREAM_START` before the first. */
  cursor: string;
  /** How many entries had ever been added to the stream when that entry was read. */
  entriesAdded: number;
}

export type StreamGap =
  /** This many entries were removed before they were read. */
  | { kind: "trimmed"; lost: number }
  /** The stream was deleted, and perhaps created again: how many entries are lost is unknown. */
  | { kind: "recreated" | "flushed" };

/**
 * Finds out what is lost when the last entry read is no longer in the stream.
 * @param info null when the stream does not exist.
 */
export function findGap({ cursor, entriesAdded }: ReadPosition, info: StreamInfo | null): StreamGap | null {
  if (cursor === STREAM_START) return null;
  if (!info) return { kind: "flushed" };
  // Trimming removes the oldest entries first. With the last entry read, everything before it must have been removed;
  // if fewer were removed, this is another stream.
  const removed = info.entriesAdded - info.length;
  if (removed < entriesAdded || compareIds(info.lastId, cursor) < 0) return { kind: "recreated" };
  const lost = removed - entriesAdded;
  return lost > 0 ? { kind: "trimmed", lost } : null;
}

/** Compares stream ids, `<milliseconds>-<number>`, by number. */
export function compareIds(a: string, b: string): number {
  const [aTime = 0n, aNumber = 0n] = a.split("-").map(BigInt);
  const [bTime = 0n, bNumber = 0n] = b.split("-").map(BigInt);
  if (aTime !== bTime) return aTime < bTime ? -1 : 1;
  return aNumber < bNumber ? -1 : aNumber > bNumber ? 1 : 0;
}
