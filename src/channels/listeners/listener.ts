import * as z from "zod";
import { CLIENT_MESSAGES_BURST } from "../../protocol/limits.ts";
import type { Identity } from "../contract.ts";
import type { ConnectRequest } from "../handshake.ts";
import type { ClosingSocket } from "./user-sockets.ts";

/**
 * A listener as its socket's attachment, which survives hibernation: at most 16,384 bytes, without token and URL. Sockets
 * outlive deploys, so field names never change, and fields added later have defaults.
 */
const attachment = z.object({
  subject: z.string(),
  isAdmin: z.boolean(),
  orderId: z.string().nullable().default(null),
  /** `ticketGeneration`, under its first name. */
  series: z.string().nullable().default(null),
  expiresAt: z.number(),
  /** Whether the client speaks `tidings.v1` and may receive arrays of frames. */
  speaksV1: z.boolean(),
  /** Deliver only events of these products; null for all. */
  products: z.array(z.string()).nullable(),
  /** Deliver only the newest of the stock levels and prices that are sent together. */
  conflates: z.boolean().default(false),
  /** When it connected or last sent a message other than the answer to an `ack_request`, in milliseconds since 1970. */
  seenAt: z.number(),
  /** Whether it has sent a JSON ping, so that the idle timeout applies. The runtime records the times of text pings. */
  hasPinged: z.boolean().default(false),
  /** Whether it has been warned that its token expires soon. */
  isWarned: z.boolean(),
  /** When it connected, in milliseconds since 1970; 0 when an older version did not record it. */
  connectedAt: z.number().default(0),
  /** `messageTokens`, under its first name. */
  allowance: z.number().default(CLIENT_MESSAGES_BURST),
  /** The id of the request that opened the socket, for the log. */
  requestId: z.string().default(""),
  /**
   * At a shard, the position that it joined at: events up to this `seq` are not for it, although the shard may still send
   * them. Beyond every position once it is abandoned (`Drain`); 0 elsewhere.
   */
  from: z.number().default(0),
  /** Its shard receives every event of its products after this `seq`. */
  coveredFrom: z.number().default(0),
  /** How many additions to its filter the root has not confirmed yet. */
  unconfirmed: z.number().default(0),
  /**
   * The shard's position, if this socket is one of those that carry it: it outlives hibernation with the sockets that it
   * describes. A higher turn was written later.
   */
  head: z.object({ epoch: z.string(), seq: z.number(), turn: z.number() }).nullable().default(null),
});
/** Keeps the fields of later versions. Apart from `attachment`, because its type would allow any field. */
const storedAttachment = attachment.loose();

/** A client that listens: what its socket's attachment holds. */
export interface Listener extends Identity, Omit<z.infer<typeof attachment>, "series" | "allowance"> {
  /** Tokens in its bucket: the messages it may send at once. */
  messageTokens: number;
}

/**
 * Returns when a listener is closed, in milliseconds since 1970: when its token expires, or later if it is a plain client
 * and the shop allows it. Never later for a guest, because the shop chose when the ticket expires, or for an admin, who may
 * see every order.
 * @param plainGraceMs How much later.
 */
export function endsAt({ expiresAt, speaksV1, isAdmin, orderId }: Listener, plainGraceMs: number): number {
  return speaksV1 || isAdmin || orderId !== null ? expiresAt : expiresAt + plainGraceMs;
}

/** Makes the listener for an accepted connection. */
export function newListener(request: ConnectRequest, now: number): Listener {
  const { identity, speaksV1, products, conflates = false, requestId } = request;
  return {
    ...identity,
    speaksV1,
    products,
    conflates,
    connectedAt: now,
    seenAt: now,
    hasPinged: false,
    isWarned: false,
    messageTokens: CLIENT_MESSAGES_BURST,
    requestId,
    from: 0,
    coveredFrom: 0,
    unconfirmed: 0,
    head: null,
  };
}

/** Returns the listener behind a socket, or null when its attachment was removed or cannot be read by this version. */
export function readAttachment(socket: WebSocket): Listener | null {
  const stored = storedAttachment.safeParse(socket.deserializeAttachment()).data;
  if (!stored) return null;
  const { series, allowance, ...rest } = stored;
  return { ...rest, ticketGeneration: series, messageTokens: allowance };
}

export function writeAttachment(socket: WebSocket, listener: Listener): void {
  const { ticketGeneration, messageTokens, ...rest } = listener;
  socket.serializeAttachment({
    ...rest,
    series: ticketGeneration,
    allowance: messageTokens,
  } satisfies z.infer<typeof attachment>);
}

/** What is left of a listener whose socket the service has closed, until the close completes. */
const closingAttachment = z.looseObject({ closing: z.string(), wasSilent: z.boolean().default(false) });

/** Returns a socket that the service has closed and whose close is not complete; null for any other. */
export function readClosing(socket: WebSocket): ClosingSocket | null {
  const stored = closingAttachment.safeParse(socket.deserializeAttachment()).data;
  return stored ? { user: stored.closing, wasSilent: stored.wasSilent } : null;
}

/** Replaces a listener's attachment when its socket is being closed. Keeps only what the connection limits need. */
export function writeClosing(socket: WebSocket, { user, wasSilent }: ClosingSocket): void {
  socket.serializeAttachment({ closing: user, wasSilent } satisfies z.infer<typeof closingAttachment>);
}
