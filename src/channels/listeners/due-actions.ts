import type { Listener } from "./listener.ts";

/** How long before its token expires a `tidings.v1` client is warned. */
const TOKEN_WARNING_MS = 30_000;

export type DueAction = "close_expired" | "close_idle" | "warn";

/**
 * Decides what is due for a listener now, and when something will be due next. Pure; times are in milliseconds since 1970.
 * @param pingedAt Its last ping, or null. A plain client need not ping, so the idle timeout applies only to clients
 * that have pinged and to `tidings.v1` clients, which must. Others are closed when their token expires.
 * @param idleTimeoutMs How long a socket may go without a ping or message.
 * @param lookAheadMs Warnings due within this time count as due now.
 * @returns The action, and the time of the next one once this one is done.
 */
export function dueAction(
  listener: Listener,
  pingedAt: number | null,
  idleTimeoutMs: number,
  now: number,
  lookAheadMs = 0,
): { action: DueAction | null; next: number } {
  const warnAt =
    listener.speaksV1 && !listener.isWarned ? listener.expiresAt - TOKEN_WARNING_MS : Number.POSITIVE_INFINITY;
  const mustPing = listener.speaksV1 || pingedAt !== null;
  const idleAt = mustPing ? Math.max(listener.seenAt, pingedAt ?? 0) + idleTimeoutMs : Number.POSITIVE_INFINITY;

  if (now >= listener.expiresAt) return { action: "close_expired", next: Number.POSITIVE_INFINITY };
  if (now >= idleAt) return { action: "close_idle", next: Number.POSITIVE_INFINITY };
  if (now + lookAheadMs >= warnAt) return { action: "warn", next: Math.min(listener.expiresAt, idleAt) };
  return { action: null, next: Math.min(listener.expiresAt, idleAt, warnAt) };
}
