import { ALL_CLOSE_CODES, CLOSE_CODES } from "../../protocol/close-codes.ts";
import { CLOSE_NAMES, retryOf } from "../../protocol/close-rules.ts";
import { PING, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";

/** The text of both documents (CommonMark). */

/**
 * Returns a document's `info`.
 * @param contactUrl `CONTACT_URL`, or null: only the operator of a deployment can help its clients.
 */
export const infoOf = (description: string, contactUrl: string | null) => ({
  title: "Tidings",
  // Of the API and wire protocol (`/api/v1`, `tidings.v1`), not of the code.
  version: "1.0.0",
  description,
  ...(contactUrl !== null && { contact: { url: contactUrl } }),
  license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
});

/** Returns a size such as `64 KB (65,536 bytes)`. @param bytes A whole number of KB. */
export function sizeText(bytes: number): string {
  const kilobytes = bytes / 1024;
  const rounded = kilobytes < 1024 ? `${kilobytes} KB` : `${kilobytes / 1024} MB`;
  return `${rounded} (${bytes.toLocaleString("en")} bytes)`;
}

const RETRY = { never: "no", backoff: "after a back-off", now: "immediately, with jitter" };

/** Every close code: what happened and what to do. */
export const CLOSE_CODE_TABLE = `| code | name | cause | retry automatically? | what to do |
| --- | --- | --- | --- | --- |
${ALL_CLOSE_CODES.map((code) => {
  const { meaning, remedy } = CLOSE_CODES[code];
  return `| ${code} | \`${CLOSE_NAMES[code]}\` | ${meaning} | ${RETRY[retryOf(code)]} | ${remedy} |`;
}).join("\n")}`;

export const ABOUT_HTTP = `Real-time order and product updates for browsers. Services publish events over HTTP; pages receive them on two WebSockets,
one per order and one for products. This reference covers the HTTP calls;
[openapi.json](/openapi.json) is its machine-readable form. The sockets, and the [codes](/docs/events#close-codes) that close them,
are in the [events reference](/docs/events) and in [asyncapi.json](/asyncapi.json).

## Errors

Errors are \`application/problem+json\` (RFC 9457). \`type\` is stable and meant for programs; \`errors\` names every bad field.
An unknown path is a 404 (\`urn:tidings:problem:not_found\`); a method that a path does not support is a 405 with \`Allow\`
(\`urn:tidings:problem:method_not_allowed\`); a socket's path without a WebSocket handshake is a 426
(\`urn:tidings:problem:upgrade_required\`).

## Overload

Every 429 and 503 has \`Retry-After\`, in seconds. A 429 is a rate limit: wait that long before you call again. A 503 means
that the channel, the relay, a registry of channels (for \`/metrics\`), the keys that verify a token or the shop's backend
(\`ORDERS_API_URL\`) cannot be reached now,
that the channel has too much to send or no room to store more, that a token becomes valid within a minute, or that the
service's settings are wrong. Repeating the call is safe; a publish needs an \`id\` or an \`Idempotency-Key\` for that. A
batch is answered with 200, and the results of its undelivered events have \`error.status\` 503: repeat those.`;

export const ABOUT_SOCKETS = `Real-time order and product updates for browsers. This reference covers the two WebSockets;
[asyncapi.json](/asyncapi.json) is its machine-readable form. The HTTP calls that services publish with are in the
[API reference](/docs/api) and in [openapi.json](/openapi.json).

- **Token**: a JWT, sent as \`Authorization: Bearer <jwt>\`, as \`Sec-WebSocket-Protocol: ${SUBPROTOCOL}, bearer.<jwt>\`, or as
  \`?token=<jwt>\`. The first one found wins. URLs end up in logs, so browsers should use the subprotocol.
- **First frame**: \`connection_established\`, with the current state and position. Event frames follow, one JSON object per
  message.
- **Resume**: reconnect with the position of the last frame, \`?since=<seq>&epoch=<epoch>\`. Every missed event follows, in
  order, once; or the first frame says \`resumed: false\`, and the client must reload its state.
- **Keep-alive**: the service answers the text \`${PING}\` with the text \`${PONG}\`.
- **Subprotocol \`${SUBPROTOCOL}\`**: if offered, a message may be a JSON array of frames, and control frames such as
  \`token_expiring\` may arrive. Without it, every message is one frame.

## Close codes

Browsers report a failed handshake only as code 1006. The service therefore accepts the handshake of a refused client, then
closes the socket at once with one of these codes. Checks run in this order: origin (4003), connects per address (4129), token
(4001), connects per user (4129), order id (4000), existence (4004), access (4003), filter and \`conflate\` of the products
socket (4005), number of connections (4110). Only failures outside the client's control are HTTP errors: 503 with
\`Retry-After\`. \`${SUBPROTOCOL}\` clients receive \`retry_after_ms\` in the frame \`closing\` before the close.

${CLOSE_CODE_TABLE}`;
