import { BEARER_PROTOCOL_PREFIX, SUBPROTOCOL } from "../../protocol/frames.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";
import type { JsonObject } from "./json-schema.ts";

/** Who may call what, and how they say who they are. */

export const SECURITY_SCHEMES = {
  publish_key: {
    type: "http",
    scheme: "bearer",
    description: "A service's publish key, one of `PUBLISH_KEYS`. What it is good for, its scopes say.",
  },
  publish_signature: {
    type: "apiKey",
    in: "header",
    name: "webhook-signature",
    description:
      "Instead of a publish key, an HMAC made with it, as [Standard Webhooks](https://www.standardwebhooks.com) has it: with `webhook-id`, which is the idempotency key, and `webhook-timestamp`. A signed publish to an order names it in `data.order_id`.",
  },
  user_token: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description:
      "A user's token: `sub` is the user's id, `exp` its end; the claim `role` makes an admin. Or a guest's ticket, for one order.",
  },
  token_in_subprotocol: {
    type: "apiKey",
    in: "header",
    name: "Sec-WebSocket-Protocol",
    description: `A user's token as \`${SUBPROTOCOL}, ${BEARER_PROTOCOL_PREFIX}<jwt>\`: the way of a browser, which can set no other header.`,
  },
  token_in_query: {
    type: "apiKey",
    in: "query",
    name: "token",
    description: "A user's token. A URL ends up in logs: prefer another way.",
  },
} as const satisfies Record<string, JsonObject>;

interface AccessRule {
  /** Any one of them is enough, and takes all that it names; `[]` means none is needed. */
  security: (keyof typeof SECURITY_SCHEMES)[][];
  /** What a caller meets who has none of them. */
  refusals: HttpRefusal[];
}

const TOKEN_REFUSALS = ["unauthenticated", "token_invalid", "token_expired"] as const;

export const ACCESS = {
  /** Open to all. */
  open: { security: [], refusals: [] },
  /** Open to all, with more to see for services and admins. */
  anyone: { security: [[], ["publish_key"], ["user_token"]], refusals: [...TOKEN_REFUSALS, "access_denied"] },
  /** The shop's own services. */
  service: { security: [["publish_key"]], refusals: ["key_invalid", "access_denied"] },
  /** The same, who may sign instead. */
  publisher: { security: [["publish_key"], ["publish_signature"]], refusals: ["key_invalid", "access_denied"] },
  /** Services, the order's owner, guests with its ticket, and admins. */
  requester: { security: [["publish_key"], ["user_token"]], refusals: [...TOKEN_REFUSALS, "access_denied"] },
  /** Users; a socket is closed with a code where HTTP would say 401. */
  listener: { security: [["user_token"], ["token_in_subprotocol"], ["token_in_query"]], refusals: [] },
} as const satisfies Record<string, AccessRule>;
export type Access = keyof typeof ACCESS;
