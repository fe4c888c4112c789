import { BEARER_PROTOCOL_PREFIX, SUBPROTOCOL } from "../../protocol/frames.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";
import { API_KEY_HEADER } from "../auth/credentials.ts";
import type { JsonObject } from "./json-schema.ts";

/** How callers authenticate, and which calls require what. */

const USER_TOKEN = {
  type: "http",
  scheme: "bearer",
  bearerFormat: "JWT",
  description:
    "A user's token: `sub` is the user id, `exp` the expiry, and `role` identifies admins, unless `USER_ID_CLAIM` and `ROLE_CLAIM` name other claims. Or a guest's ticket for one order.",
} as const;

/** How HTTP calls authenticate. */
export const CALL_SCHEMES = {
  publish_key: {
    type: "http",
    scheme: "bearer",
    description: "A service's publish key, one of `PUBLISH_KEYS`. Its scopes define what it may do.",
  },
  publish_key_header: {
    type: "apiKey",
    in: "header",
    name: API_KEY_HEADER,
    description:
      "The publish key, for services that cannot set `Authorization`. Refused together with another credential (400), and from a page (403).",
  },
  publish_signature: {
    type: "apiKey",
    in: "header",
    name: "webhook-signature",
    description:
      "An alternative to sending the publish key: an HMAC signature made with it, as specified by [Standard Webhooks](https://www.standardwebhooks.com), along with `webhook-id`, which is the idempotency key, and `webhook-timestamp`. A signed publish to an order must name the order in `data.order_id`.",
  },
  user_token: USER_TOKEN,
} as const satisfies Record<string, JsonObject>;

/** How sockets authenticate. AsyncAPI calls keys in headers and queries `httpApiKey`. */
export const SOCKET_SCHEMES = {
  user_token: USER_TOKEN,
  token_in_subprotocol: {
    type: "httpApiKey",
    in: "header",
    name: "Sec-WebSocket-Protocol",
    description: `A user's token as \`${SUBPROTOCOL}, ${BEARER_PROTOCOL_PREFIX}<jwt>\`: for browsers, which cannot set other headers on a WebSocket.`,
  },
  token_in_query: {
    type: "httpApiKey",
    in: "query",
    name: "token",
    description: "A user's token. URLs end up in logs: prefer one of the other ways.",
  },
} as const satisfies Record<string, JsonObject>;

type CallScheme = keyof typeof CALL_SCHEMES;
const KEY = ["publish_key", "publish_key_header"] as const satisfies CallScheme[];

/** The schemes that each kind of caller may use; any one of them suffices. `none`: no credential is needed. */
export const ACCESS = {
  /** Public, with more detail for services and admins. */
  anyone: ["none", ...KEY, "user_token"],
  /** The shop's services. */
  service: KEY,
  /** The shop's services, which may sign instead. */
  publisher: [...KEY, "publish_signature"],
  /** Services, the order's owner, guests with its ticket, and admins. */
  requester: [...KEY, "user_token"],
} satisfies Record<string, (CallScheme | "none")[]>;
export type Access = keyof typeof ACCESS;

const TOKEN_REFUSALS = ["token_invalid", "token_too_long", "token_expired"] as const;

/** Returns the refusals that a check of the credentials, their scope and the caller's rate limit can cause. */
export function accessRefusals(access: Access): HttpRefusal[] {
  const accepts = (wanted: CallScheme | "none") => ACCESS[access].some((scheme) => scheme === wanted);
  const ofTokens = accepts("user_token") ? TOKEN_REFUSALS : [];
  // Calls that only services may make are refused as `key_invalid` instead.
  const ofMissing = accepts("user_token") && !accepts("none") ? (["unauthenticated"] as const) : [];
  return [...ofMissing, ...ofTokens, "credentials_ambiguous", "key_invalid", "access_denied", "rate_limited"];
}
