import type { PositionStorage } from "./options.ts";
import type { Position } from "./types.ts";

/** Positions: checked where they come from outside, and kept across page loads. */

export function isObject(value: unknown): value is Record<string, unknown> {
  return value === Object(value);
}

export const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);

export function isPosition(value: unknown): value is Position {
  return isObject(value) && typeof value.epoch === "string" && isInteger(value.seq);
}

type PositionSource = PositionStorage | (() => PositionStorage) | undefined;

/** @throws {Error} if the browser forbids storage, as with blocked cookies. */
const resolve = (storage: PositionSource) => (typeof storage === "function" ? storage() : storage);

/** Reads a position. @returns Null if there is none, the entry is not one, or the browser forbids storage. */
export function loadPosition(storage: PositionSource, key: string): Position | null {
  try {
    const value: unknown = JSON.parse(String(resolve(storage)?.getItem(key)));
    return isPosition(value) ? value : null;
  } catch {
    return null;
  }
}

export function savePosition(storage: PositionSource, key: string, position: Position): void {
  try {
    resolve(storage)?.setItem(key, JSON.stringify(position));
  } catch {
    // Full or forbidden: the position lasts as long as the page.
  }
}
