import { MAX_REPLAY_CHARACTERS } from "../../protocol/limits.ts";
import type { Storage } from "../storage.ts";
import type { LoggedFrame } from "./log-event.ts";
import { readLogRow, readStoredFrame, type StoredRow } from "./log-row.ts";

/** Rows per query; bounds memory before the length check. */
export const REPLAY_ROWS = 100;

/** Missed events in order; `null` when they cannot be replayed; `damaged` when a row cannot be read. */
export type Replay = LoggedFrame[] | "damaged" | null;

/** A stored row of a replay; instead of a row, why there is no replay. */
export type ReplayRow = StoredRow | Exclude<Replay, unknown[]>;

/**
 * Makes a replay of stored rows, and reads no more of them than it needs.
 * @param keepAfter The log forgets events up to this time, in milliseconds since 1970.
 * @returns null when an event is too old, `too_long` when the events exceed one replay.
 */
export function readReplay(rows: Iterable<ReplayRow>, keepAfter: number): Replay | "too_long" {
  const frames: LoggedFrame[] = [];
  let length = 0;
  for (const stored of rows) {
    if (stored === null || stored === "damaged") return stored;
    const row = readLogRow(stored);
    const text = readStoredFrame(stored.frame);
    if (!row || text === null) return "damaged";
    length += text.length;
    if (length > MAX_REPLAY_CHARACTERS) return "too_long";
    if (row.ts <= keepAfter) return null;
    frames.push({ seq: row.seq, productId: stored.product === null ? null : String(stored.product), text });
  }
  return frames.sort((a, b) => a.seq - b.seq);
}

/** Reads the rows after `since`, in order, at least up to `head`. Ends with `damaged` when one is missing. */
export function* rowsSince(storage: Storage, since: number, head: number): Generator<ReplayRow> {
  const query = "SELECT seq, ts, product, frame FROM log WHERE seq >= ? ORDER BY seq LIMIT ?";
  for (let next = since + 1; next <= head; ) {
    const rows = storage.read(query, next, REPLAY_ROWS);
    if (rows.length === 0) return yield "damaged";
    for (const row of rows) {
      if (row.seq !== next++) return yield "damaged";
      yield row;
    }
  }
}
