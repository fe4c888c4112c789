import { isRecord } from "../protocol/json.ts";

/**
 * Why a call to an object failed, as the platform marks the error it throws (Durable Objects, error handling):
 *
 * - `overloaded`: the object has too much to do, so a retry must not follow at once;
 * - `retryable`: the object is being moved or was reset, and a retry may succeed;
 * - `thrown`: the object's own code threw;
 * - `unknown`: anything else, such as a timeout of the caller's own.
 */
export type CallFailure = "overloaded" | "retryable" | "thrown" | "unknown";

export function callFailureOf(error: unknown): CallFailure {
  const { overloaded, retryable, remote }: Record<string, unknown> = isRecord(error) ? error : {};
  if (overloaded === true) return "overloaded";
  if (retryable === true) return "retryable";
  return remote === true ? "thrown" : "unknown";
}

/**
 * Returns whether a call may have failed because its object could not write its storage. SQLite reports a statement that
 * finds no room; for a failed commit, callers only see the platform's internal error, which has other causes as well.
 */
export function mayBeStorageFailure(error: unknown): boolean {
  return error instanceof Error && /SQLITE_FULL|^internal error; reference = /.test(error.message);
}
