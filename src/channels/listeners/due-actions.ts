import type { Listener } from "./listener.ts";

/** When something has to be done to a listener, and what. Pure: times are milliseconds since 1970. */

/** How long before its token ends a `tidings.v1` client is told. */
export const TOKEN_WARNING_MS = 30_000;

export type Duty = "close_expired" | "close_idle" | "warn";

/**
 * What is due for a listener at a time, and when something will be due next, provided that what is due is done.
 * @param pingedAt Its last ping, null when it never pinged.
 * @param idleTimeoutMs How long a socket may show no sign of life. A plain client may never ping at all: only one that has
 * pinged, or speaks `tidings.v1` and so must, is a ghost when it stops. The others go with their token.
 */
export function dutiesOf(
  listener: Listener,
  pingedAt: number | null,
  idleTimeoutMs: number,
  now: number,
  untilNextLookMs = 0,
): { due: Duty | null; next: number } {
  const warnAt =
    listener.speaksV1 && !listener.isWarned ? listener.expiresAt - TOKEN_WARNING_MS : Number.POSITIVE_INFINITY;
  const mustPing = listener.speaksV1 || pingedAt !== null;
  const idleAt = mustPing ? Math.max(listener.seenAt, pingedAt ?? 0) + idleTimeoutMs : Number.POSITIVE_INFINITY;

  if (now >= listener.expiresAt) return { due: "close_expired", next: Number.POSITIVE_INFINITY };
  if (now >= idleAt) return { due: "close_idle", next: Number.POSITIVE_INFINITY };
  if (now + untilNextLookMs >= warnAt) return { due: "warn", next: Math.min(listener.expiresAt, idleAt) };
  return { due: null, next: Math.min(listener.expiresAt, idleAt, warnAt) };
}
