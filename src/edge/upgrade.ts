import type { Context } from "hono";
import type { ConnectRefusal } from "../channels/handshake.ts";
import type { CloseCode } from "../protocol/close-rules.ts";
import { encodeClosingFrame, SUBPROTOCOL } from "../protocol/frames.ts";
import { REFUSALS, type SocketRefusal } from "../protocol/refusals.ts";
import { recordConnectionRefused } from "../telemetry/record.ts";
import { speaksSubprotocol } from "./auth/credentials.ts";
import { type HonoEnv, record } from "./context.ts";
import { Refusal, type RefusedCredential, recordRefusal } from "./errors.ts";

/** @throws {Refusal} 426 unless the request asks for a WebSocket. */
export function requireUpgrade(c: Context): void {
  if (c.req.header("Upgrade")?.toLowerCase() === "websocket") return;
  throw new Refusal("upgrade_required", {
    detail: "This is a WebSocket endpoint: connect with ws:// or wss://.",
    headers: { Upgrade: "websocket", Connection: "Upgrade" },
  });
}

/** Answers a handshake with the channel's socket, or refuses it. */
export function answerConnect(c: Context<HonoEnv>, answer: Response | ConnectRefusal): Response {
  return "reason" in answer ? refuseSocket(c, answer.reason) : withSubprotocol(c, answer);
}

/**
 * Refuses a handshake so that pages learn why: accepts it, then closes the socket at once with the refusal's code and
 * title. A browser reports a failed handshake only as code 1006.
 * @param credential What was wrong with the token, if it caused the refusal.
 */
export function refuseSocket(c: Context<HonoEnv>, reason: SocketRefusal, credential?: RefusedCredential): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const { close, title }: { close: CloseCode; title: string } = REFUSALS[reason];
  if (speaksSubprotocol(c.req.raw)) server.send(encodeClosingFrame(close, title));
  server.close(close, title);
  recordRefusal(c, reason, close, credential);
  record(c, (counters) => recordConnectionRefused(counters, reason));
  return withSubprotocol(c, new Response(null, { status: 101, webSocket: client }));
}

/** Echoes an offered `tidings.v1`: browsers drop a connection that does not select one of the offered subprotocols. */
function withSubprotocol(c: Context, response: Response): Response {
  if (!speaksSubprotocol(c.req.raw)) return response;
  const headers = new Headers(response.headers);
  headers.set("Sec-WebSocket-Protocol", SUBPROTOCOL);
  return new Response(null, { status: 101, headers, webSocket: response.webSocket });
}
