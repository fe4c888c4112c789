/**
 * Every code with which the service closes a socket. The first two digits follow Pusher's channels protocol: 40xx stop,
 * 41xx reconnect after a back-off, 42xx reconnect now. 4000 to 4004 are the original service's.
 * `close-codes.ts` explains them to people; browsers do not load that.
 */
export const CLOSE_NAMES = {
  4000: "invalid_order_id",
  4001: "unauthenticated",
  4003: "access_denied",
  4004: "order_not_found",
  4005: "protocol_error",
  4108: "too_slow",
  4110: "too_many_connections",
  4129: "rate_limited",
  4200: "going_away",
} as const;

export type CloseCode = keyof typeof CLOSE_NAMES;

/** When a client may reconnect automatically: `never`, after a `backoff`, or `now` (with jitter). */
export type CloseRetry = "never" | "backoff" | "now";

/** What a WebSocket itself reports when the connection ended without a close frame (RFC 6455, section 7.1.5). */
export const ABNORMAL_CLOSURE = 1006;
/** The token was refused, or access was revoked. */
export const UNAUTHENTICATED = 4001 satisfies CloseCode;
/** The close reason that comes with 4001 after access was revoked. A fresh token does not restore access. */
export const DISCONNECTED_REASON = "Disconnected by the service";

export function isCloseCode(code: number): code is CloseCode {
  return Object.hasOwn(CLOSE_NAMES, code);
}

/**
 * Returns when a client may reconnect automatically after a close. The first two digits decide, so codes that a newer
 * service adds work as well. Codes below 4000 come from the network and restarts.
 */
export function retryOf(code: number): CloseRetry {
  const range = Math.floor(code / 100);
  return range === 40 ? "never" : range === 42 ? "now" : "backoff";
}

/** The shortest and longest wait before a closed client reconnects, in milliseconds. */
const RETRY_AFTER_MS = { now: [0, 2000], backoff: [1000, 10_000] } as const;

/**
 * Advises a closed client when to reconnect: in milliseconds from now, at random so that clients that are closed together
 * spread out; null for never.
 */
export function retryAfterMs(code: CloseCode): number | null {
  const retry = retryOf(code);
  if (retry === "never") return null;
  const [least, most] = RETRY_AFTER_MS[retry];
  return Math.round(least + Math.random() * (most - least));
}
