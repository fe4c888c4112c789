import { z } from "zod";
import { CLIENT_MESSAGES_BURST } from "../protocol/limits.ts";
import { isSocketRefusal, type SocketRefusal } from "../protocol/refusals.ts";

/**
 * What a channel remembers of a listener; it is kept with the socket (its "attachment", at most 16,384 bytes), so it
 * is there again after hibernation. No token, only what one said.
 */
const attachment = z.object({
  /** The token's subject. */
  subject: z.string(),
  isAdmin: z.boolean(),
  /** Set when the token is a ticket: the order that it is good for. */
  orderId: z.string().nullable().default(null),
  /** A ticket's series; the order knows which one it lets in. */
  series: z.string().nullable().default(null),
  /** When the token ends, in milliseconds since 1970. */
  expiresAt: z.number(),
  /** Whether the client speaks `tidings.v1`: it may be sent arrays of frames. */
  speaksV1: z.boolean(),
  /** Only these products' events; null for all. */
  products: z.array(z.string()).nullable(),
  /** When it connected or last sent a message, in milliseconds since 1970. Pings are kept by the runtime. */
  seenAt: z.number(),
  /** Whether it was told that its token ends soon. */
  isWarned: z.boolean(),
  /** When it connected, in milliseconds since 1970; 0 when an older version did not write it down. */
  connectedAt: z.number().default(0),
  /** How many messages it may send at once. */
  allowance: z.number().default(CLIENT_MESSAGES_BURST),
  /** The request that opened the socket, for the log. */
  requestId: z.string().default(""),
});
export type Listener = z.infer<typeof attachment>;

/** What the Worker tells a channel of a verified client that wants to connect. */
const connectRequest = z.object({
  listener: attachment,
  /** The position the client asked to resume from; what it wrote as `since` may be no number at all. */
  resume: z.object({ epoch: z.string(), since: z.string() }).nullable(),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

/** The Worker's request to a channel carries the `ConnectRequest` in this header, and nothing of the client's own. */
const CONNECT_HEADER = "x-tidings-connect";
/** A channel's answer that is no socket names the reason in this header, and whether it knows the order's owner in the next. */
const REFUSAL_HEADER = "x-tidings-refusal";
const OWNER_KNOWN_HEADER = "x-tidings-owner-known";

/** Why a channel takes no listener. */
export interface ConnectRefusal {
  reason: SocketRefusal;
  /** False when the order has no owner here, so that somebody else may know better. */
  isOwnerKnown: boolean;
}

/** Hands a client over to a channel: asks it for a socket. */
export function connectTo(channel: Fetcher, request: ConnectRequest): Promise<Response> {
  // A header takes no character beyond Latin-1, and JSON can do without.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const value = JSON.stringify(request).replace(/[^\x20-\x7e]/g, escaped);
  return channel.fetch("https://channel/connect", { headers: { Upgrade: "websocket", [CONNECT_HEADER]: value } });
}

/**
 * What `connectTo` wrote.
 * @throws when it means nothing here: while a deploy spreads, the Worker and its objects may be of two versions.
 */
export function readConnect(request: Request): ConnectRequest {
  return connectRequest.parse(JSON.parse(request.headers.get(CONNECT_HEADER) ?? "null"));
}

export function refuseConnect({ reason, isOwnerKnown }: ConnectRefusal): Response {
  const headers = { [REFUSAL_HEADER]: reason, ...(isOwnerKnown && { [OWNER_KNOWN_HEADER]: "yes" }) };
  return new Response(null, { status: 403, headers });
}

/** @returns The refusal that a channel's answer is, or null when it is an open socket. */
export function readRefusal({ headers }: Response): ConnectRefusal | null {
  const reason = headers.get(REFUSAL_HEADER);
  return isSocketRefusal(reason) ? { reason, isOwnerKnown: headers.has(OWNER_KNOWN_HEADER) } : null;
}

/** @returns The listener behind a socket; null when a version wrote it whose attachments this one cannot read. */
export function readAttachment(socket: WebSocket): Listener | null {
  return attachment.safeParse(socket.deserializeAttachment()).data ?? null;
}

/** A socket that was said goodbye to: its close event may still come, and means nothing then. */
export function forgetAttachment(socket: WebSocket): void {
  socket.serializeAttachment(null);
}

export function writeAttachment(socket: WebSocket, listener: Listener): void {
  socket.serializeAttachment(listener);
}
