import { CLOSE_NAMES, type CloseCode, type CloseRetry, retryOf } from "./close-rules.ts";

/** Returns the fields of a row that clients load as well. */
function ruleOf<C extends CloseCode>(code: C) {
  return { name: CLOSE_NAMES[code], retry: retryOf(code) };
}

/** The table of close codes: each code's rule for clients (`close-rules.ts`) with an explanation for people. */
export const CLOSE_CODES = {
  4000: {
    ...ruleOf(4000),
    meaning: "The order id is not a UUID.",
    remedy: "Correct the URL.",
  },
  4001: {
    ...ruleOf(4001),
    meaning: "The token is missing, invalid or expired, or access was revoked.",
    remedy: "Get a fresh token, then reconnect.",
  },
  4003: {
    ...ruleOf(4003),
    meaning: "The user is neither the order's owner nor an admin, or the page's origin is not allowed.",
    remedy: "Connect as the owner; add the page's origin to `BACKEND_CORS_ORIGINS`.",
  },
  4004: {
    ...ruleOf(4004),
    meaning: "The order was never registered or published to, or it was deleted.",
    remedy: "Register it with `PUT /api/v1/orders/{order_id}`.",
  },
  4005: {
    ...ruleOf(4005),
    meaning: "The client sent a message or parameter that the protocol does not allow.",
    remedy: "Fix the client.",
  },
  4108: {
    ...ruleOf(4108),
    meaning: "The client fell too far behind in acknowledging what it received.",
    remedy: "Reconnect and resume from the last position.",
  },
  4110: {
    ...ruleOf(4110),
    meaning: "The user or the channel has reached its connection limit.",
    remedy: "Close unused connections; share one socket between tabs.",
  },
  4129: {
    ...ruleOf(4129),
    meaning: "The client made too many connection attempts or sent too many messages.",
    remedy: "Slow down.",
  },
  4200: {
    ...ruleOf(4200),
    meaning: "The service is restarting, or the connection was idle for too long.",
    remedy: "Reconnect and resume from the last position.",
  },
} as const satisfies Record<CloseCode, CloseCodeRow>;

interface CloseCodeRow {
  name: string;
  retry: CloseRetry;
  meaning: string;
  /** What the user or developer can do. */
  remedy: string;
}
