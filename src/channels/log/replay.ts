import type { Storage } from "../storage.ts";
import type { LoggedFrame } from "./log-event.ts";
import { readLogRow, readStoredFrame } from "./log-row.ts";

/** Longer replays are refused: the object and its sockets share 128 MB (Durable Objects limits). */
export const MAX_REPLAY_CHARACTERS = 8 * 1024 * 1024;
/** Rows per query; bounds memory before the length check. */
export const REPLAY_ROWS = 100;

/** Missed events in order; `null` when they cannot be replayed; `damaged` when a row cannot be read. */
export type Replay = LoggedFrame[] | "damaged" | null;

/**
 * Reads the rows after `since` up to `head`.
 * @param keepAfter The log forgets events up to this time, in milliseconds since 1970.
 * @returns null when the first event is too old, `too_long` when the events exceed one replay.
 */
export function readReplay(storage: Storage, since: number, head: number, keepAfter: number): Replay | "too_long" {
  const frames: LoggedFrame[] = [];
  let length = 0;
  const query = "SELECT seq, ts, product, frame FROM log WHERE seq > ? ORDER BY seq LIMIT ?";
  for (let from = since; from < head; from += REPLAY_ROWS) {
    for (const stored of storage.read(query, from, REPLAY_ROWS)) {
      const row = readLogRow(stored);
      const text = readStoredFrame(stored.frame);
      if (!row || text === null) return "damaged";
      length += text.length;
      if (length > MAX_REPLAY_CHARACTERS) return "too_long";
      if (frames.length === 0 && row.ts <= keepAfter) return null;
      const { product } = stored;
      frames.push({ seq: row.seq, productId: product === null ? null : String(product), text });
    }
  }
  return frames;
}
