/**
 * Every code with which the service closes a socket. Decades as Pusher's channels protocol has them:
 * 40xx stop, 41xx come back after a back-off, 42xx come back now. 4000 to 4004 are the original service's.
 */
export const CLOSE_CODES = {
  4000: { name: "invalid_order_id", meaning: "The order id is no UUID.", retry: "never", todo: "Mend the URL." },
  4001: {
    name: "unauthenticated",
    meaning: "No token, a bad or expired one, or the right to listen was withdrawn.",
    retry: "never",
    todo: "Get a fresh token, then connect anew.",
  },
  4003: {
    name: "access_denied",
    meaning: "Neither the order's owner nor an admin, or a page from an origin that is not allowed.",
    retry: "never",
    todo: "Ask as the owner; add the page's origin to `BACKEND_CORS_ORIGINS`.",
  },
  4004: {
    name: "order_not_found",
    meaning: "Nobody registered the order or published to it, or it was deleted.",
    retry: "never",
    todo: "Register it with `PUT /api/v1/orders/{order_id}`.",
  },
  4005: {
    name: "protocol_error",
    meaning: "A message or parameter that the protocol does not have.",
    retry: "never",
    todo: "Mend the client.",
  },
  4108: {
    name: "too_slow",
    meaning: "Frames waited too long to be taken.",
    retry: "backoff",
    todo: "Come back with your position.",
  },
  4110: {
    name: "too_many_connections",
    meaning: "The user or the channel has all the connections it may have.",
    retry: "backoff",
    todo: "Close some; share one socket between tabs.",
  },
  4129: { name: "rate_limited", meaning: "Too many attempts or messages.", retry: "backoff", todo: "Slow down." },
  4200: {
    name: "going_away",
    meaning: "The service restarts or moves the channel.",
    retry: "now",
    todo: "Come back with your position.",
  },
} as const satisfies Record<number, CloseCodeRow>;

interface CloseCodeRow {
  name: string;
  meaning: string;
  /** Whether a client may connect again by itself: `never`, after a `backoff`, or `now` (with jitter). */
  retry: "never" | "backoff" | "now";
  /** What the person or program behind the client can do. */
  todo: string;
}

export type CloseCode = keyof typeof CLOSE_CODES;

/** The code of a token that is not taken, and of a right that was withdrawn. */
export const UNAUTHENTICATED = 4001 satisfies CloseCode;
/** The reason beside 4001 when somebody's right to listen was withdrawn: no fresh token mends that. */
export const DISCONNECTED_REASON = "Disconnected by the service";

export function isCloseCode(code: number): code is CloseCode {
  return Object.hasOwn(CLOSE_CODES, code);
}

/** Whether a client comes back by itself after a close: `never`, after a `backoff`, or `now` (with jitter). */
export function retryOf(code: number): "never" | "backoff" | "now" {
  if (isCloseCode(code)) return CLOSE_CODES[code].retry;
  // A code of a newer service: its decade says enough. Codes below 4000 are of the network and of restarts.
  if (code >= 4000 && code < 4100) return "never";
  return code >= 4200 && code < 4300 ? "now" : "backoff";
}
