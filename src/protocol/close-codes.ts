import { CLOSE_NAMES, type CloseCode, isCloseCode } from "./close-rules.ts";

interface CloseCodeRow {
  meaning: string;
  /** What the user or developer can do. */
  remedy: string;
}

/** The close codes, explained to people. Their names and the rule for reconnecting are in `close-rules.ts`. */
export const CLOSE_CODES: Record<CloseCode, CloseCodeRow> = {
  4000: {
    meaning: "The order id is not a UUID.",
    remedy: "Correct the URL.",
  },
  4001: {
    meaning: "The token is missing, invalid or expired, or access was revoked.",
    remedy: "Get a fresh token, then reconnect.",
  },
  4003: {
    meaning:
      "The user is neither the order's owner nor an admin, the guest's ticket is not valid for this channel, or the page's origin is not allowed.",
    remedy: "Connect as the owner; add the page's origin to `BACKEND_CORS_ORIGINS`.",
  },
  4004: {
    meaning: "The order was never registered or published to, or it was deleted.",
    remedy: "Register it with `PUT /api/v1/orders/{order_id}`.",
  },
  4005: {
    meaning: "The client sent a message or parameter that the protocol does not allow.",
    remedy: "Fix the client.",
  },
  4108: {
    meaning:
      "The client fell too far behind in acknowledging what it received, or, without `tidings.v1`, was sent too many bytes within a minute.",
    remedy: "Reconnect and resume from the last position. A plain client should speak `tidings.v1`, as the SDK does.",
  },
  4110: {
    meaning: "The user or the channel has reached its connection limit.",
    remedy: "Close unused connections; share one socket between tabs.",
  },
  4129: {
    meaning: "The client made too many connection attempts or sent too many messages.",
    remedy: "Slow down.",
  },
  4200: {
    meaning:
      "The service is restarting, moving the connection, or temporarily unavailable; or the connection was idle for too long.",
    remedy: "Reconnect and resume from the last position.",
  },
};

/** Every close code, in ascending order. */
export const ALL_CLOSE_CODES = Object.keys(CLOSE_NAMES).map(Number).filter(isCloseCode);
