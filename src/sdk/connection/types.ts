import type { CLOSE_NAMES, CloseCode } from "../../protocol/close-rules.ts";
import type {
  AllOrderEvents,
  AllProductEvents,
  EventData,
  EventType,
  ExtraOrderEvents,
  ExtraProductEvents,
  OrderEventType,
  ProductEventType,
  ProductId,
} from "../../protocol/event-data.ts";
import type { EventFrame, OrderEstablishedFrame, Position, ProductsEstablishedFrame } from "../../protocol/frames.ts";

/** Public API: a connection, and what it reports. Its options are in `options.ts`. */

export type { EventType, ExtraOrderEvents, ExtraProductEvents, OrderEventType, Position, ProductEventType, ProductId };

/** Only the fields that the event catalogue names. Other fields are delivered, too, but have no type. */
type Named<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
type EventOf<T extends keyof (AllOrderEvents & AllProductEvents)> = {
  [K in T]: Omit<EventFrame, "type" | "data" | "status"> & { type: K; data: Named<EventData<K>> };
}[T];

/**
 * An event on an order's channel. Check `type` to narrow `data`. Types of the service's `EXTRA_EVENTS` arrive as well; see
 * `ExtraOrderEvents`. With an exhaustive `switch`, add a `default` for those that your program does not know.
 * @example
 * if (event.type === "order_shipped") showTracking(event.data.tracking_number);
 */
export type OrderEvent = EventOf<keyof AllOrderEvents>;

/**
 * An event on the products channel. Check `type` to narrow `data`.
 * @example
 * if (event.type === "inventory_updated") showStock(event.data.product_id, event.data.new_quantity);
 */
export type ProductEvent = EventOf<keyof AllProductEvents>;

/**
 * The state of an order at position `seq` of `epoch`, from the first frame of a connection.
 *
 * `resumed` is true if the connection continues from your position: the events you missed, up to `seq`, follow. It is
 * false if they can no longer be replayed, and null if there was no position to continue from.
 */
export type OrderSnapshot = OrderEstablishedFrame["data"];

/** The position of the products channel. It carries no product data; load products from your own API. */
export type ProductsSnapshot = ProductsEstablishedFrame["data"];

/**
 * Delivery does not continue from `from`: events before `to` may be lost, because the history no longer has them, the
 * channel began a new epoch, or the token is another user's. Reload the state.
 */
export interface Gap {
  /** The position of the last event delivered before the gap, or null when unknown. */
  from: Position | null;
  /** The position after the gap. Delivery continues from here. */
  to: Position;
}

type CloseName = (typeof CLOSE_NAMES)[CloseCode] | "unknown";

/** What went wrong last. The connection retries, so this is for logs, and for a hint to the user. */
export interface RetryCause {
  /** The WebSocket close code: 1006 without a network or an answer; 0 if there is no token. */
  code: number;
  /** The name of the code, such as `too_many_connections`; `no_token` without a token; `unknown` for other codes. */
  name: CloseName | "no_token";
  /** The service's explanation, the error of `getToken`, or what `getToken` returned instead of a token. */
  message: string;
}

/** Why a connection closed for good. */
export interface ClosedReason {
  /** The WebSocket close code; 1000 after `close()`. The service's manual lists its codes. */
  code: number;
  /** The name of the code, such as `access_denied`; `closed` after `close()`; `unknown` for any other code. */
  name: CloseName | "closed";
  /** The service's explanation, for logs. Empty after `close()`. */
  message: string;
  /** Whether the user has to act: sign in again (`unauthenticated`) or use another account (`access_denied`). */
  userMustAct: boolean;
}

/**
 * The status of a connection. `isStale` turns true once the connection has not been live for `tuning.staleMs` (10
 * seconds by default): tell the user that the page may be out of date. `cause` is what went wrong last; it is missing if
 * nothing has gone wrong since the connection was last established.
 */
export type Status =
  /** Connecting for the first time. Retries automatically. */
  | { state: "connecting"; isStale: boolean; cause?: RetryCause | undefined }
  /**
   * Up to date, with new events arriving as they happen. `recovered` is true if the connection was interrupted and every
   * missed event has been delivered; with a product filter, they may still be arriving. `cause` says why the token could
   * not be replaced yet.
   */
  | { state: "live"; isStale: false; recovered: boolean; cause?: RetryCause | undefined }
  /** Was live, and is reconnecting or replaying missed events. Retries automatically. */
  | { state: "recovering"; isStale: boolean; cause?: RetryCause | undefined }
  /** The device has no network. Reconnects automatically. */
  | { state: "offline"; isStale: boolean; cause?: RetryCause | undefined }
  /**
   * Closed for good, by `close()` or by the service. `reconnect()` opens it again; after a close by the service, so does
   * `refreshToken()`.
   */
  | { state: "closed"; isStale: boolean; reason: ClosedReason };

/**
 * Returns a token (a JWT). Called before every connection attempt, and again before the current token expires. If it
 * throws or rejects, or returns what cannot be a JWT, it is called again after a back-off. It is never called while
 * an earlier call is in flight, so it should time out by itself; a late token is used. `status.cause` has the last error.
 *
 * If the token belongs to another user (`sub` or `iss`; all tickets of an order count as one), the connection reopens as that user: `onGap` reports that
 * delivery does not continue from the former user's position, and `onSnapshot` has the new user's state.
 */
export type GetToken = () => string | Promise<string>;

/** A connection to one channel. It reconnects automatically until it is closed. */
export interface Connection {
  /** `order_<order id>` or `products`. */
  readonly channel: string;
  readonly status: Status;
  /** The position of the last event delivered, or null before the first frame. */
  readonly position: Position | null;
  /**
   * The delivery delay of the newest event in milliseconds, relative to the fastest frame of this connection, so that
   * wrong clocks do not matter. An event that was missed is as late as the interruption was long. Null before the first
   * event.
   */
  readonly lagMs: number | null;
  /** Closes the connection. Later events are not delivered. */
  close(): void;
  /**
   * Reconnects now, with a new token and from the last position, in any state: while it waits for the back-off or a socket
   * that hangs, while it is live, and after it has closed. At most one attempt per `tuning.minRetryMs`.
   */
  reconnect(): void;
  /**
   * Fetches a new token, for instance after the user has signed in again. A live connection sends it to the service
   * without reconnecting. Reopens a connection that the service has closed.
   */
  refreshToken(): void;
}

/** A connection to the products channel. */
export interface ProductsConnection extends Connection {
  /**
   * Adds products to the filter. On a connection to all products, these become the filter.
   * @throws {RangeError} if the filter would have more than 50 products, or ids of more than 6,400 UTF-16 units together.
   * @throws {Error} if the connection is shared between tabs.
   */
  subscribe(productIds: readonly ProductId[]): void;
  /**
   * Removes products from the filter. Has no effect on a connection to all products.
   * @throws {Error} if the connection is shared between tabs.
   */
  unsubscribe(productIds: readonly ProductId[]): void;
}
