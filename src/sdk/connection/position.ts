import { isRecord } from "../../protocol/json.ts";
import type { PositionStorage } from "./options.ts";
import type { Position } from "./types.ts";

/** Validates positions from outside, and keeps them across page loads. */

export function isPosition(value: unknown): value is Position {
  return isRecord(value) && typeof value.epoch === "string" && Number.isSafeInteger(value.seq);
}

/** Reads a stored position. @returns Null if there is none, it is malformed, or the browser forbids storage. */
export function loadPosition(storage: PositionStorage | undefined, key: string): Position | null {
  try {
    const value: unknown = JSON.parse(storage?.getItem(key) ?? "null");
    return isPosition(value) ? value : null;
  } catch {
    return null;
  }
}

export function savePosition(storage: PositionStorage, key: string, position: Position): void {
  try {
    storage.setItem(key, JSON.stringify(position));
  } catch {
    // Storage is full or forbidden: the position is lost with the page.
  }
}
