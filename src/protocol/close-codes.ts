import { CLOSE_RULES, type CloseCode } from "./close-rules.ts";

/** The table of close codes: each code's rule for clients (`close-rules.ts`) with an explanation for people. */
export const CLOSE_CODES = {
  4000: {
    ...CLOSE_RULES[4000],
    meaning: "The order id is not a UUID.",
    todo: "Correct the URL.",
  },
  4001: {
    ...CLOSE_RULES[4001],
    meaning: "The token is missing, invalid or expired, or access was revoked.",
    todo: "Get a fresh token, then reconnect.",
  },
  4003: {
    ...CLOSE_RULES[4003],
    meaning: "The user is neither the order's owner nor an admin, or the page's origin is not allowed.",
    todo: "Connect as the owner; add the page's origin to `BACKEND_CORS_ORIGINS`.",
  },
  4004: {
    ...CLOSE_RULES[4004],
    meaning: "The order was never registered or published to, or it was deleted.",
    todo: "Register it with `PUT /api/v1/orders/{order_id}`.",
  },
  4005: {
    ...CLOSE_RULES[4005],
    meaning: "The client sent a message or parameter that the protocol does not allow.",
    todo: "Fix the client.",
  },
  4108: {
    ...CLOSE_RULES[4108],
    meaning: "The client fell too far behind in acknowledging what it received.",
    todo: "Reconnect and resume from the last position.",
  },
  4110: {
    ...CLOSE_RULES[4110],
    meaning: "The user or the channel has reached its connection limit.",
    todo: "Close unused connections; share one socket between tabs.",
  },
  4129: {
    ...CLOSE_RULES[4129],
    meaning: "The client made too many connection attempts or sent too many messages.",
    todo: "Slow down.",
  },
  4200: {
    ...CLOSE_RULES[4200],
    meaning: "The service is restarting, or the connection was idle for too long.",
    todo: "Reconnect and resume from the last position.",
  },
} as const satisfies Record<CloseCode, CloseCodeRow>;

interface CloseCodeRow {
  meaning: string;
  /** What the user or developer can do. */
  todo: string;
}
