import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { PING, PONG, SUBPROTOCOL } from "../../protocol/frames.ts";

/** What both documents say in words (CommonMark). */

export const TITLE = "Tidings";
/** The version of what travels, not of the code: `/api/v1` and `tidings.v1`. */
export const API_VERSION = "1.0.0";
export const LICENSE = { name: "MIT", identifier: "MIT" };

const RETRY = {
  never: "A client should not come back by itself.",
  backoff: "A client may come back by itself, after a back-off.",
  now: "A client may come back by itself, at once, with jitter.",
};

/** One section a close code: what happened, what to do. */
export const CLOSE_CODE_SECTIONS = Object.entries(CLOSE_CODES)
  .map(
    ([code, { name, meaning, retry, todo }]) =>
      `### ${code} ${name.replaceAll("_", " ")}\n\n` +
      `**What happened:** ${meaning} **What to do:** ${todo} ${RETRY[retry]}`,
  )
  .join("\n\n");

export const ABOUT_CLOSING = `A browser sees nothing of a refused handshake but code 1006, so a connection that is refused is accepted first and closed
at once. Checks come in this order: origin, 4001, 4000, 4004, 4003.

${CLOSE_CODE_SECTIONS}`;

export const ABOUT_HTTP = `Order and product updates in browsers, in real time. Services publish over HTTP; pages listen on two WebSockets, an order's
and the products', whose frames are in [asyncapi.json](/asyncapi.json). This page is made from [openapi.json](/openapi.json).

## Errors

Errors are \`application/problem+json\` (RFC 9457). \`type\` is stable and made for programs; \`errors\` names every bad field.
A path that is none is answered 404, a method that a path does not have 405 with \`Allow\`.

## When a socket closes

${ABOUT_CLOSING}`;

export const ABOUT_SOCKETS = `Order and product updates in browsers, in real time. The HTTP calls that services publish with are in
[openapi.json](/openapi.json); [/docs](/docs) is a page to read.

- **The token** is a JWT, in \`Authorization: Bearer <jwt>\`, else in \`Sec-WebSocket-Protocol: ${SUBPROTOCOL}, bearer.<jwt>\`, else
  in \`?token=<jwt>\`; the first one found counts. A URL ends up in logs, so a browser had better offer it as a subprotocol.
- **The first frame** is \`connection_established\`: where things stand. Event frames follow, one JSON object a message.
- **Resume** with the position of the last frame: \`?since=<seq>&epoch=<epoch>\`. What was missed follows, in order, once; or
  the first frame says \`resumed: false\`, and the state has to be loaded anew.
- **Keep-alive**: the text \`${PING}\` is answered with the text \`${PONG}\`.
- **The subprotocol \`${SUBPROTOCOL}\`**, when offered, allows several frames in one message, as a JSON array, and the frame
  \`token_expiring\`. Without it every message is one frame.

## When a socket closes

${ABOUT_CLOSING}`;
