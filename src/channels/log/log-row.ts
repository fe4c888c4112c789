import { parseJson } from "../../protocol/json.ts";
import type { Storage } from "../storage.ts";

/** The latest time that a `Date` can hold, in milliseconds since 1970 (ECMA-262, section 21.4.1.1). */
const MAX_TIME_MS = 8.64e15;

export type StoredRow = Record<string, SqlStorageValue>;

export function insertRow(storage: Storage, values: StoredRow): void {
  const columns = Object.keys(values);
  const marks = columns.map(() => "?");
  storage.write(`INSERT INTO log (${columns.join()}) VALUES (${marks.join()})`, ...Object.values(values));
}

/** Rewrites row `seq` as another event's: one written row, where a delete and an insert would be two. */
export function rewriteRow(storage: Storage, seq: number, values: StoredRow): void {
  const assignments = Object.keys(values).map((column) => `${column} = ?`);
  storage.write(`UPDATE log SET ${assignments.join()} WHERE seq = ?`, ...Object.values(values), seq);
}

/**
 * Reads a row's position, and when its event was accepted, in milliseconds since 1970; null when the row is damaged.
 */
export function readLogRow({ seq, ts }: StoredRow): { seq: number; ts: number } | null {
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return null;
  if (typeof ts !== "number" || !Number.isInteger(ts) || ts < 0 || ts > MAX_TIME_MS) return null;
  return { seq, ts };
}

/** Reads a row's link to its product's previous event; null when it is damaged. */
export function readLink({ seq, prev }: StoredRow): number | null {
  return typeof prev === "number" && prev >= 0 && prev < Number(seq) ? prev : null;
}

/** Returns a stored frame; null when it is damaged. */
export function readStoredFrame(frame: SqlStorageValue | undefined): string | null {
  return typeof frame === "string" && frame.startsWith("{") && frame.endsWith("}") ? frame : null;
}

/** Parses JSON that this service wrote; null for a column without text, undefined when the text is damaged. */
export function parseStored(text: unknown): unknown {
  return typeof text === "string" ? parseJson(text) : null;
}
