import { CLOSE_RULES, type CloseCode } from "./close-rules.ts";

/** The table of close codes, whole: what a client does about each (`close-rules.ts`), and what people can. */
export const CLOSE_CODES = {
  4000: {
    ...CLOSE_RULES[4000],
    meaning: "The order id is no UUID.",
    todo: "Mend the URL.",
  },
  4001: {
    ...CLOSE_RULES[4001],
    meaning: "No token, a bad or expired one, or the right to listen was withdrawn.",
    todo: "Get a fresh token, then connect anew.",
  },
  4003: {
    ...CLOSE_RULES[4003],
    meaning: "Neither the order's owner nor an admin, or a page from an origin that is not allowed.",
    todo: "Ask as the owner; add the page's origin to `BACKEND_CORS_ORIGINS`.",
  },
  4004: {
    ...CLOSE_RULES[4004],
    meaning: "Nobody registered the order or published to it, or it was deleted.",
    todo: "Register it with `PUT /api/v1/orders/{order_id}`.",
  },
  4005: {
    ...CLOSE_RULES[4005],
    meaning: "A message or parameter that the protocol does not have.",
    todo: "Mend the client.",
  },
  4108: {
    ...CLOSE_RULES[4108],
    meaning: "Too much was sent that the client did not say it has read.",
    todo: "Come back with your position.",
  },
  4110: {
    ...CLOSE_RULES[4110],
    meaning: "The user or the channel has all the connections it may have.",
    todo: "Close some; share one socket between tabs.",
  },
  4129: {
    ...CLOSE_RULES[4129],
    meaning: "Too many attempts or messages.",
    todo: "Slow down.",
  },
  4200: {
    ...CLOSE_RULES[4200],
    meaning: "The service restarts or moves the channel.",
    todo: "Come back with your position.",
  },
} as const satisfies Record<CloseCode, CloseCodeRow>;

interface CloseCodeRow {
  meaning: string;
  /** What the person or program behind the client can do. */
  todo: string;
}
