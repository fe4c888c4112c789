import type { Config } from "../../config/config.ts";
import { endsAt, type Listener } from "./listener.ts";

/** How long before its token expires a `tidings.v1` client is warned. */
const TOKEN_WARNING_MS = 30_000;

type DueAction = "close_expired" | "close_idle" | "warn" | "keep_alive";

/**
 * Returns when a client was last heard from, in milliseconds since 1970; null for a plain client that has never pinged,
 * because it need not send anything.
 * @param pingedAt Its last ping, or null.
 */
export function silentSince({ speaksV1, seenAt, hasPinged }: Listener, pingedAt: number | null): number | null {
  return speaksV1 || hasPinged || pingedAt !== null ? Math.max(seenAt, pingedAt ?? 0) : null;
}

/**
 * Decides what is due for a listener now, and when something will be due next. Pure; times are in milliseconds since 1970.
 * @param pingedAt Its last ping, or null. Clients that need not ping have no idle timeout; they are closed when their
 * time ends.
 * @param lookAheadMs Warnings and keep-alives due within this time count as due now.
 * @returns The action, and the time of the next one once this one is done.
 */
export function dueAction(
  listener: Listener,
  pingedAt: number | null,
  { idleTimeoutMs, plainGraceMs, plainKeepaliveMs }: Config,
  now: number,
  lookAheadMs = 0,
): { action: DueAction | null; next: number } {
  const warnAt =
    listener.speaksV1 && !listener.isWarned ? listener.expiresAt - TOKEN_WARNING_MS : Number.POSITIVE_INFINITY;
  const silent = silentSince(listener, pingedAt);
  const idleAt = (silent ?? Number.POSITIVE_INFINITY) + idleTimeoutMs;
  const keepAliveAt = silent === null ? listener.seenAt + plainKeepaliveMs : Number.POSITIVE_INFINITY;
  const endAt = endsAt(listener, plainGraceMs);

  if (now >= endAt) return { action: "close_expired", next: Number.POSITIVE_INFINITY };
  if (now >= idleAt) return { action: "close_idle", next: Number.POSITIVE_INFINITY };
  if (now + lookAheadMs >= warnAt) return { action: "warn", next: Math.min(endAt, idleAt) };
  if (now + lookAheadMs >= keepAliveAt) return { action: "keep_alive", next: Math.min(endAt, now + plainKeepaliveMs) };
  return { action: null, next: Math.min(endAt, idleAt, warnAt, keepAliveAt) };
}
