import type { Context } from "hono";
import type { ConnectRefusal } from "../channels/handshake.ts";
import type { CloseCode } from "../protocol/close-rules.ts";
import { encodeClosingFrame, SUBPROTOCOL } from "../protocol/frames.ts";
import { REFUSALS, type SocketRefusal } from "../protocol/refusals.ts";
import type { HonoEnv } from "./app.ts";
import { speaksSubprotocol } from "./auth/credentials.ts";
import { noteRefusal, Refusal } from "./errors.ts";
import { count } from "./observe.ts";

/** @throws {Refusal} 426 when the request asks for no WebSocket. */
export function requireUpgrade(c: Context): void {
  if (c.req.header("Upgrade")?.toLowerCase() === "websocket") return;
  throw new Refusal("upgrade_required", {
    detail: "This is a WebSocket endpoint: connect with ws:// or wss://.",
    headers: { Upgrade: "websocket", Connection: "Upgrade" },
  });
}

/** What the client gets of it: the open socket, or one that is closed at once. */
export function answerConnect(c: Context<HonoEnv>, answer: Response | ConnectRefusal): Response {
  return "reason" in answer ? refuseSocket(c, answer.reason) : withSubprotocol(c, answer);
}

/**
 * Says no in a way that a browser can see. It shows a page nothing of a failed handshake but code 1006, so the
 * handshake succeeds and the socket is closed at once, with the code and its public sentence.
 * @param fault What exactly was wrong with the token, if that was it.
 */
export function refuseSocket(c: Context<HonoEnv>, reason: SocketRefusal, fault?: string): Response {
  const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
  server.accept();
  const { close, title }: { close: CloseCode; title: string } = REFUSALS[reason];
  if (speaksSubprotocol(c.req.raw)) server.send(encodeClosingFrame(close, title));
  server.close(close, title);
  noteRefusal(c, reason, close, fault);
  count(c, "tidings_connections_refused_total", { reason });
  return withSubprotocol(c, new Response(null, { status: 101, webSocket: client }));
}

/** A client that offered `tidings.v1` gets it echoed: a browser drops a connection that ignores its offer. */
function withSubprotocol(c: Context, response: Response): Response {
  if (!speaksSubprotocol(c.req.raw)) return response;
  const headers = new Headers(response.headers);
  headers.set("Sec-WebSocket-Protocol", SUBPROTOCOL);
  return new Response(null, { status: 101, headers, webSocket: response.webSocket });
}
