import * as z from "zod";
import { isSocketRefusal, type SocketRefusal } from "../protocol/refusals.ts";

/**
 * How the Worker asks a channel object for a socket. The request carries nothing of the client's own: what the Worker
 * verified travels in a header, and never a token or a URL.
 */

const connectRequest = z.object({
  identity: z.object({
    subject: z.string(),
    isAdmin: z.boolean(),
    expiresAt: z.number(),
    orderId: z.string().nullable(),
    ticketGeneration: z.string().nullable(),
  }),
  /** Whether the client speaks `tidings.v1`. */
  speaksV1: z.boolean(),
  /** Deliver only events of these products; null for all. */
  products: z.array(z.string()).nullable(),
  /** The position to resume from; `invalid` when the client sent one that cannot exist, null when it sent none. */
  resume: z.union([z.object({ epoch: z.string(), seq: z.int().min(0) }), z.literal("invalid"), z.null()]),
  /** The request that opens the socket, for the log. */
  requestId: z.string(),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

/** Why a channel admits no listener. */
export interface ConnectRefusal {
  reason: SocketRefusal;
  /** False when the order has no owner here, so the shop's backend may know more. */
  isOwnerKnown: boolean;
}

/** Carries the `ConnectRequest` from the Worker to the object. */
const CONNECT_HEADER = "x-tidings-connect";
/** Carries a refusal's reason back, and whether the order's owner is known. */
const REFUSAL_HEADER = "x-tidings-refusal";
const OWNER_KNOWN_HEADER = "x-tidings-owner-known";

/** Asks a channel for a socket. Returns the open socket's response, or the refusal. */
export async function requestSocket(channel: Fetcher, request: ConnectRequest): Promise<Response | ConnectRefusal> {
  // Header values are limited to Latin-1, so everything else is escaped as JSON allows.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const value = JSON.stringify(request).replace(/[^\x20-\x7e]/g, escaped);
  const response = await channel.fetch("https://channel/connect", {
    headers: { Upgrade: "websocket", [CONNECT_HEADER]: value },
  });
  const reason = response.headers.get(REFUSAL_HEADER);
  if (!isSocketRefusal(reason)) return response;
  return { reason, isOwnerKnown: response.headers.has(OWNER_KNOWN_HEADER) };
}

/**
 * Reads what `requestSocket` wrote.
 * @throws when it cannot be read: during a deploy, the Worker and its objects may run different versions.
 */
export function readConnectRequest(request: Request): ConnectRequest {
  return connectRequest.parse(JSON.parse(request.headers.get(CONNECT_HEADER) ?? "null"));
}

/** Answers `requestSocket` with a refusal. */
export function refuseConnect({ reason, isOwnerKnown }: ConnectRefusal): Response {
  const headers = { [REFUSAL_HEADER]: reason, ...(isOwnerKnown && { [OWNER_KNOWN_HEADER]: "yes" }) };
  return new Response(null, { status: 403, headers });
}
