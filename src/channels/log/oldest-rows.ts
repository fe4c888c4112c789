import type { Storage } from "../storage.ts";

/** How many rows one query reads ahead. More would save little, and cost the first event after a wake. */
const ROWS_AHEAD = 16;

/** What is needed of a row before it is rewritten. */
interface OldRow {
  seq: number;
  id: string;
  /** When its event was accepted, in milliseconds since 1970. */
  ts: number;
}

/** Reads a log's oldest rows a few at a time, because each event of a full log rewrites one. */
export class OldestRows {
  readonly #storage: Storage;
  #rows: OldRow[] = [];

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Returns the oldest row, and the one after it if there is one. @param oldest The first `seq` in the log. */
  from(oldest: number): { row: OldRow | undefined; next: OldRow | undefined } {
    const known = this.#at(oldest);
    // The row after the last known one may have been written since.
    if (known.next) return known;
    const query = "SELECT seq, id, ts FROM log WHERE seq >= ? ORDER BY seq LIMIT ?";
    const rows = this.#storage.read(query, oldest, ROWS_AHEAD + 1);
    this.#rows = rows.map(({ seq, id, ts }) => ({ seq: Number(seq), id: String(id), ts: Number(ts) }));
    return this.#at(oldest);
  }

  #at(oldest: number): { row: OldRow | undefined; next: OldRow | undefined } {
    const [row, next] = this.#rows.filter(({ seq }) => seq >= oldest);
    // Another row first: the log is damaged, and there is no row to rewrite.
    return row?.seq === oldest ? { row, next } : { row: undefined, next: undefined };
  }
}
