import { parseClientMessage } from "../protocol/client-messages.ts";
import { logFault } from "../telemetry/log.ts";
import type { Core } from "./core.ts";
import type { Listener } from "./listeners/listener.ts";
import { changeFilter } from "./listeners/product-filter.ts";
import { takeToken } from "./listeners/token-bucket.ts";
import { watchToken } from "./maintenance.ts";

/**
 * Handles a client's message. A message that the protocol does not define closes the socket. So does a fault, such as a
 * call to the token verifier during a deploy; the client then reconnects instead of waiting for an answer.
 */
export async function handleMessage(
  core: Core,
  socket: WebSocket,
  text: string | ArrayBuffer,
  now: number,
): Promise<void> {
  try {
    await handle(core, socket, text, now);
  } catch (error) {
    const request_id = core.listeners.get(socket)?.requestId ?? "";
    logFault("message", error, { channel: core.name, request_id });
    core.listeners.close(socket, "going_away");
  }
}

async function handle(core: Core, socket: WebSocket, text: string | ArrayBuffer, now: number): Promise<void> {
  const { listeners, log, topic } = core;
  const listener = listeners.get(socket);
  if (!listener) return;
  const message = typeof text === "string" ? parseClientMessage(text) : null;
  if (!message) return listeners.close(socket, "protocol_error");
  // What was never sent cannot have been read.
  if (message.type === "ack" && message.seq > log.position().seq) return listeners.close(socket, "protocol_error");
  // The answer to the service's own request does not count against the rate limit.
  if (message.type === "ack" && listeners.acknowledged(socket, message.seq, message.nonce)) return;
  if (!isWithinRate(core, socket, listener, now) || message.type === "ack") return;
  if (message.type === "authenticate") return authenticate(core, socket, message.token, now);
  if (!topic.chains) return listeners.close(socket, "protocol_error");
  const products = changeFilter(listener.products, message);
  if (products === "too_large") return listeners.close(socket, "protocol_error");
  listeners.update(socket, { products });
}

/** Takes a token from the listener's bucket; closes the socket when it is empty. */
function isWithinRate({ listeners, telemetry }: Core, socket: WebSocket, listener: Listener, now: number): boolean {
  const messageTokens = takeToken(listener.messageTokens, now - listener.seenAt);
  if (messageTokens === null) {
    telemetry.limited("client_messages");
    listeners.close(socket, "rate_limited");
    return false;
  }
  listeners.update(socket, { messageTokens, seenAt: now });
  return true;
}

/** Extends the connection with a new token of the same subject, if that subject may still listen. */
async function authenticate(core: Core, socket: WebSocket, token: string, now: number): Promise<void> {
  const { ctx, listeners, topic, telemetry } = core;
  const requestId = listeners.get(socket)?.requestId;
  // An entry point of this Worker verifies the token, because token libraries belong to the edge.
  const verified = await ctx.exports.TokenVerifier.verify(token, requestId);
  const listener = listeners.get(socket);
  if (!listener) return;
  if (!verified.ok) {
    telemetry.tokenRefused(verified.reason);
    return listeners.close(socket, verified.refusal);
  }
  const { identity } = verified;
  // A guest's next ticket has another subject but the same order; a user and a guest never replace each other.
  const isSame =
    identity.orderId === listener.orderId && (identity.orderId !== null || identity.subject === listener.subject);
  if (!isSame) return listeners.close(socket, "token_invalid");
  listeners.update(socket, { ...identity, isWarned: false });
  const refusal = topic.refusalFor(identity);
  if (refusal) return listeners.close(socket, refusal);
  watchToken(core, socket, listener, now);
}
