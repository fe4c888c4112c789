/**
 * Every code with which the service closes a socket. The decades follow Pusher's channels protocol: 40xx stop, 41xx
 * reconnect after a back-off, 42xx reconnect now. 4000 to 4004 are the original service's.
 * `close-codes.ts` explains them to people; browsers do not load that.
 */
export const CLOSE_RULES = {
  4000: { name: "invalid_order_id", retry: "never" },
  4001: { name: "unauthenticated", retry: "never" },
  4003: { name: "access_denied", retry: "never" },
  4004: { name: "order_not_found", retry: "never" },
  4005: { name: "protocol_error", retry: "never" },
  4108: { name: "too_slow", retry: "backoff" },
  4110: { name: "too_many_connections", retry: "backoff" },
  4129: { name: "rate_limited", retry: "backoff" },
  4200: { name: "going_away", retry: "now" },
} as const satisfies Record<number, CloseRule>;

interface CloseRule {
  name: string;
  /** When a client may reconnect automatically: `never`, after a `backoff`, or `now` (with jitter). */
  retry: "never" | "backoff" | "now";
}

export type CloseCode = keyof typeof CLOSE_RULES;

/** The token was refused, or access was revoked. */
export const UNAUTHENTICATED = 4001 satisfies CloseCode;
/** The close reason that comes with 4001 after access was revoked. A fresh token does not restore access. */
export const DISCONNECTED_REASON = "Disconnected by the service";

export function isCloseCode(code: number): code is CloseCode {
  return Object.hasOwn(CLOSE_RULES, code);
}

/** Returns when a client may reconnect automatically after a close. */
export function retryOf(code: number): CloseRule["retry"] {
  if (isCloseCode(code)) return CLOSE_RULES[code].retry;
  // Unknown codes of a newer service follow their decade. Codes below 4000 come from the network and restarts.
  if (code >= 4000 && code < 4100) return "never";
  return code >= 4200 && code < 4300 ? "now" : "backoff";
}

/** How long a client that is closed waits before it reconnects, in milliseconds: at least, and at most. */
const RETRY_AFTER_MS = { now: [0, 2000], backoff: [1000, 10_000] } as const;

/** Advises a closed client when to reconnect, in milliseconds from now; null for never. @param random From 0 up to 1. */
export function retryAfterMs(code: CloseCode, random: number): number | null {
  const retry = CLOSE_RULES[code].retry;
  if (retry === "never") return null;
  const [least, most] = RETRY_AFTER_MS[retry];
  return Math.round(least + random * (most - least));
}
