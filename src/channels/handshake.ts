import * as z from "zod";
import { isSocketRefusal, type SocketRefusal } from "../protocol/refusals.ts";
import type { Identity } from "./contract.ts";

/**
 * How the Worker asks a channel object for a socket. The client's own request is not forwarded, so no token or URL
 * reaches the object; a header carries what the Worker has verified.
 */

const connectRequest = z.object({
  identity: z.object({
    subject: z.string(),
    isAdmin: z.boolean(),
    expiresAt: z.number(),
    orderId: z.string().nullable(),
    ticketGeneration: z.string().nullable(),
  }) satisfies z.ZodType<Identity>,
  /** Whether the client speaks `tidings.v1`. */
  speaksV1: z.boolean(),
  /** Deliver only events of these products; null for all. */
  products: z.array(z.string()).nullable(),
  /** The position to resume from; `invalid` for a malformed one, null for none. */
  resume: z.union([z.object({ epoch: z.string(), seq: z.int().min(0) }), z.literal("invalid"), z.null()]),
  /** The id of the request that opens the socket, for the log. */
  requestId: z.string(),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

/** Why a channel does not admit a listener. */
export interface ConnectRefusal {
  reason: SocketRefusal;
  /** False for an order without an owner, which the shop's backend may know. */
  isOwnerKnown: boolean;
}

/** Carries the `ConnectRequest` from the Worker to the object. */
const CONNECT_HEADER = "x-tidings-connect";
/** Carries a refusal's reason back, and whether the order's owner is known. */
const REFUSAL_HEADER = "x-tidings-refusal";
const OWNER_KNOWN_HEADER = "x-tidings-owner-known";

/** Asks a channel for a socket. Returns the open socket's response, or the refusal. */
export async function requestSocket(channel: Fetcher, request: ConnectRequest): Promise<Response | ConnectRefusal> {
  // Header values must be Latin-1. Everything beyond printable ASCII is escaped, as JSON allows.
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
