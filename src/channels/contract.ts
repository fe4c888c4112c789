import type { Position } from "../protocol/frames.ts";
import type { AcceptedEvent, OrderRegistration, Source } from "../protocol/publish.ts";

/** What channel objects offer over RPC, as types only, so that callers import no class and no import cycle arises. */

/** The bearer of a verified token. */
export interface Identity {
  /** The user's id, after the issuer where there are several; or a ticket's own id. */
  subject: string;
  isAdmin: boolean;
  /** When the token expires, in milliseconds since 1970. */
  expiresAt: number;
  /** The order a ticket admits to; null for a user's token. */
  orderId: string | null;
  /** The generation a ticket was issued in, which its order checks; null for a user's token. */
  ticketGeneration: string | null;
}

/** The caller that asks for an order: the bearer of a token, or one of the shop's services. */
export type Requester = Pick<Identity, "subject" | "isAdmin" | "orderId" | "ticketGeneration"> | "service";

/** Why a requester may neither listen to an order nor read it. */
export type OrderRefusal = "order_not_found" | "access_denied";

/** The refusal of a requester. */
export interface ReadRefusal {
  reason: OrderRefusal;
  /** False for an order without an owner: the shop's backend may know one. */
  isFinal: boolean;
}

/** An order's state, and the position in its channel that the state corresponds to. */
export interface OrderResource extends Position {
  order_id: string;
  user_id: string | null;
  status: string | null;
  payment_status: string | null;
  /** From the last `order_shipped` that had one. */
  tracking_number: string | null;
  carrier: string | null;
  channel: string;
}

/** What an object's storage has cost since the object woke; the platform bills each of these. */
export interface Usage {
  rowsRead: number;
  rowsWritten: number;
  /** Each is one more written row. */
  alarmsSet: number;
}

/** What a registration did: `created` when the order had no owner before. */
export type RegisterOutcome =
  | { status: "created" | "corrected" }
  /** Nothing; the order is as it was. */
  | { status: "stale"; order: Pick<OrderResource, keyof OrderRegistration> & { version: number | null } };

/** The RPC methods of every object with sockets. */
export interface SocketObjectRpc extends Rpc.DurableObjectBranded {
  fetch(request: Request): Promise<Response>;
  /** Closes the sockets of one user, or all when `userId` is null. Returns how many were closed. */
  disconnect(userId: string | null): Promise<number>;
  /** Returns the number of current listeners. */
  countListeners(): Promise<number>;
}

/**
 * A `PublishOutcome[]` as JSON text. The runtime lets callers use an object before they have received it, which makes
 * objects slower to return than text.
 */
export type OutcomesText = string;

/** The RPC methods of every channel object. */
export interface ChannelRpc extends SocketObjectRpc {
  /** Applies validated events and sends them to listeners. Returns one outcome per event, in the same order. */
  deliver(events: AcceptedEvent[], source: Source): Promise<OutcomesText>;
  /** Starts a new epoch because the stream lost entries. `gapAt` is in milliseconds since 1970. */
  declareGap(gapAt: number): Promise<void>;
  /** For tests: a budget of rows for each operation is part of the design. */
  usage(): Promise<Usage>;
}

/** The RPC methods of an order's object. */
export interface OrderChannelRpc extends ChannelRpc {
  /**
   * Registers or corrects the order, or revives a deleted one, and closes listeners who lose access.
   * @param version null for none. One that is not newer than the last one applied changes nothing: `stale`.
   */
  register(registration: OrderRegistration, version: number | null): Promise<RegisterOutcome>;
  /**
   * Registers an ownerless order as the shop's backend describes it, unless it has been registered meanwhile.
   * Returns why the requester may not listen, or null. Writes nothing for a requester without access.
   */
  adopt(registration: OrderRegistration, requester: Requester): Promise<OrderRefusal | null>;
  /** Returns the order's state and position, or why the requester may not read them. */
  snapshot(requester: Requester): Promise<OrderResource | ReadRefusal>;
  /** Returns the generation for new tickets, creating it if there is none; null when the order is unknown. */
  ensureTicketGeneration(): Promise<string | null>;
  /**
   * Closes every listener and deletes everything stored but a tombstone, which makes late events stale.
   * Returns whether there was anything to delete.
   */
  erase(): Promise<boolean>;
}
