import { type ClientMessage, parseClientMessage } from "../protocol/client-messages.ts";
import { JSON_PONG, type SubscribedFrame } from "../protocol/frames.ts";
import { CLIENT_MESSAGES_BURST, CLIENT_MESSAGES_PER_SECOND } from "../protocol/limits.ts";
import { logFault } from "../telemetry/log.ts";
import type { SocketCore } from "./core.ts";
import { watchToken } from "./listener-maintenance.ts";
import type { Listener } from "./listeners/listener.ts";
import { changeFilter } from "./listeners/product-filter.ts";
import { takeToken } from "./listeners/token-bucket.ts";

/**
 * The token bucket of each client, kept with its socket to survive hibernation. Text pings, which the runtime answers,
 * and answers to `ack_request` are free; a JSON ping costs one token.
 */
const CLIENT_MESSAGES = { burst: CLIENT_MESSAGES_BURST, perSecond: CLIENT_MESSAGES_PER_SECOND };

type MessageOf<T extends ClientMessage["type"]> = Extract<ClientMessage, { type: T }>;

/**
 * Handles a client's message. Unknown messages are ignored, as the original service did; from `tidings.v1` clients they
 * close the socket, as malformed ones do from any client. A fault, such as a verifier call that fails during a deploy,
 * closes it too: the client then reconnects instead of waiting for an answer.
 */
export async function handleMessage(
  core: SocketCore,
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

async function handle(core: SocketCore, socket: WebSocket, text: string | ArrayBuffer, now: number): Promise<void> {
  const { listeners } = core;
  const listener = listeners.get(socket);
  if (!listener) return;
  const message = typeof text === "string" ? parseClientMessage(text) : ({ type: "unknown" } as const);
  const isRefused = message.type === "malformed" || (message.type === "unknown" && listener.speaksV1);
  if (isRefused) return listeners.close(socket, "protocol_error");
  if (message.type === "ack" && listener.speaksV1) return acknowledge(core, socket, listener, message, now);
  if (!isWithinRate(core, socket, listener, now)) return;
  switch (message.type) {
    case "ping":
      return answerPing(core, socket, now);
    case "authenticate":
      return authenticate(core, socket, message.token, now);
    case "subscribe":
    case "unsubscribe":
      return refilter(core, socket, listener, message);
  }
}

/** Answers the JSON ping of a hand-written client. From now on, the idle timeout applies to it. */
function answerPing({ listeners }: SocketCore, socket: WebSocket, now: number): void {
  listeners.update(socket, { hasPinged: true });
  listeners.outgoing.sendControl(socket, JSON_PONG, now);
}

function acknowledge(
  core: SocketCore,
  socket: WebSocket,
  listener: Listener,
  { seq, nonce }: MessageOf<"ack">,
  now: number,
): void {
  const { listeners } = core;
  // A frame that was never sent cannot have been read.
  if (seq > Math.max(core.position().seq, listener.from)) listeners.close(socket, "protocol_error");
  // The answer to the service's own request does not count against the rate limit.
  else if (!listeners.sender.acknowledged(socket, seq, nonce)) isWithinRate(core, socket, listener, now);
}

/** Changes the filter at once. A `tidings.v1` client receives the position after which the added products' events arrive. */
async function refilter(
  core: SocketCore,
  socket: WebSocket,
  listener: Listener,
  message: MessageOf<"subscribe" | "unsubscribe">,
): Promise<void> {
  const { listeners, topic } = core;
  const { type, product_ids } = message;
  const products = changeFilter(listener.products, message);
  // Only the products channel has filters.
  if (topic.kind !== "products" || products === "too_large") return listeners.close(socket, "protocol_error");
  listeners.update(socket, { products });
  if (type === "unsubscribe") return;
  const { epoch, seq } = await core.cover(socket, product_ids);
  if (!listener.speaksV1) return;
  const frame: SubscribedFrame = { type: "subscribed", data: { product_ids, seq, epoch } };
  listeners.outgoing.sendControl(socket, JSON.stringify(frame), Date.now());
}

/** Takes a token from the listener's bucket; closes the socket when it is empty. */
function isWithinRate(
  { listeners, telemetry }: SocketCore,
  socket: WebSocket,
  listener: Listener,
  now: number,
): boolean {
  const messageTokens = takeToken(listener.messageTokens, now - listener.seenAt, CLIENT_MESSAGES);
  if (messageTokens === null) {
    telemetry.limited("client_messages");
    listeners.close(socket, "rate_limited");
    return false;
  }
  listeners.update(socket, { messageTokens, seenAt: now });
  return true;
}

/** Extends the connection with a new token of the same user, or a new ticket for the same order, if its bearer may listen. */
async function authenticate(core: SocketCore, socket: WebSocket, token: string, now: number): Promise<void> {
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
