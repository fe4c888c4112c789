import { parseJson } from "../../protocol/json.ts";

/** The latest time that a `Date` can hold, in milliseconds since 1970 (ECMA-262, section 21.4.1.1). */
const MAX_TIME_MS = 8.64e15;

/** A row of the log, as far as every event needs it. */
export interface LogRow {
  seq: number;
  /** When the event was accepted, in milliseconds since 1970. */
  ts: number;
}

/** Reads a row's position and time; null when the row is damaged. */
export function readLogRow({ seq, ts }: Record<string, SqlStorageValue>): LogRow | null {
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return null;
  if (typeof ts !== "number" || !Number.isInteger(ts) || ts < 0 || ts > MAX_TIME_MS) return null;
  return { seq, ts };
}

/** Returns a stored frame; null when it cannot be one. */
export function readStoredFrame(frame: SqlStorageValue | undefined): string | null {
  return typeof frame === "string" && frame.startsWith("{") && frame.endsWith("}") ? frame : null;
}

/** Parses JSON that this service wrote: null for a column without text, undefined when it is damaged. */
export function parseStored(text: unknown): unknown {
  return typeof text === "string" ? parseJson(text) : null;
}
