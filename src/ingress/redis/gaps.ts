import type { StreamInfo } from "./replies.ts";

/** Finds out what a stream has lost. Pure. */

/** The cursor before the first entry. */
export const STREAM_START = "0-0";

/** How far the stream was read. */
export interface ReadPosition {
  /** The id of the last entry read; `STREAM_START` before the first. */
  cursor: string;
  /** How many entries had ever been added to the stream when that entry was read; before the first, how many were gone. */
  entriesAdded: number;
}

export type StreamGap =
  /** This many entries were removed before they were read; reading continues at the cursor. */
  | { kind: "trimmed"; lost: number }
  /**
   * How much is lost is unknown, and the stream has to be read from its start. `flushed`: the stream was deleted.
   * `recreated`: it was created again, or set back by a failover. `deleted`: single entries were deleted, the cursor's own
   * among them.
   */
  | { kind: "flushed" | "recreated" | "deleted" };

/**
 * Finds out what is lost when the last entry read is no longer in the stream. Redis removes entries in two ways: trims
 * remove the oldest, and XDEL removes any and notes the highest id in `max-deleted-entry-id`.
 */
export function findGap({ cursor, entriesAdded }: ReadPosition, info: StreamInfo): StreamGap | null {
  if (info.entriesAdded < entriesAdded || compareIds(info.lastId, cursor) < 0) return { kind: "recreated" };
  if (info.firstId !== null && compareIds(info.firstId, cursor) <= 0) {
    // Read entries remain, so nothing was trimmed beyond the cursor: its entry was deleted, or this is another stream.
    const deleted = compareIds(info.maxDeletedId, cursor);
    if (deleted === 0) return null;
    return { kind: deleted < 0 ? "recreated" : "deleted" };
  }
  // Everything left is unread.
  const lost = info.entriesAdded - entriesAdded - info.length;
  if (lost < 0) return { kind: "recreated" };
  return lost > 0 ? { kind: "trimmed", lost } : null;
}

/** Compares stream ids, `<milliseconds>-<number>`, by number. */
export function compareIds(a: string, b: string): number {
  const [aTime = 0n, aNumber = 0n] = a.split("-").map(BigInt);
  const [bTime = 0n, bNumber = 0n] = b.split("-").map(BigInt);
  if (aTime !== bTime) return aTime < bTime ? -1 : 1;
  return aNumber < bNumber ? -1 : aNumber > bNumber ? 1 : 0;
}
