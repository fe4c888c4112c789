import type { SharedTabs } from "./link.ts";
import type { Tuning } from "./tuning.ts";
import type {
  Gap,
  GetToken,
  OrderEvent,
  OrderSnapshot,
  Position,
  ProductEvent,
  ProductId,
  ProductsSnapshot,
  Status,
} from "./types.ts";

/** Public API: what a connection takes, and what a page can do with it. What it reports is in `types.ts`. */

/**
 * Stores positions across page loads. `sessionStorage` fits. Do not use `localStorage` if users open several tabs: each
 * tab has its own position. Tokens are never stored.
 */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

interface CommonConnectOptions {
  /**
   * The origin of the service, such as `https://tidings.example.workers.dev`; `ws:` and `wss:` work too. Default: the
   * page's own origin. Required outside a browser.
   */
  url?: string | undefined;
  /** Required, unless `token` is given. */
  getToken?: GetToken | undefined;
  /** A fixed token. The connection closes when it expires, so prefer `getToken`. */
  token?: string | undefined;
  /** Called when the status changes. `connection.status` has the current one. */
  onStatus?: ((status: Status) => void) | undefined;
  /** Called when events were lost, or the user changed. Reload the state; delivery continues after the gap. */
  onGap?: ((gap: Gap) => void) | undefined;
  /** The position to continue from: events after it are delivered first. Takes precedence over `storage`. */
  position?: Position | null | undefined;
  /**
   * Where to store the position, so that a reloaded page receives what it missed. Default: nowhere.
   * @example
   * connectOrder(orderId, { getToken, storage: () => sessionStorage });
   *
   * Pass a function: with blocked cookies, `sessionStorage` itself throws. The stored position does not move while a
   * product of the initial `productIds` is unsubscribed, or once `subscribe` has narrowed a connection to all products:
   * the next page receives some events again rather than too few.
   */
  storage?: PositionStorage | (() => PositionStorage) | undefined;
  /**
   * Shares one socket between the tabs of a browser. Default: each tab opens its own.
   * @example
   * import { sharedTabs } from "tidings/client/tabs";
   * connectOrder(orderId, { getToken, shared: sharedTabs() });
   */
  shared?: SharedTabs | undefined;
  /** Timings in milliseconds that differ from `DEFAULT_TUNING`. */
  tuning?: Partial<Tuning> | undefined;
}

/** Options of `connectOrder`. */
export interface OrderOptions extends CommonConnectOptions {
  /** Called for every event, once and in order. */
  onEvent?: ((event: OrderEvent) => void) | undefined;
  /** Called with the state of the order each time a connection is established, before any event. */
  onSnapshot?: ((snapshot: OrderSnapshot) => void) | undefined;
}

/** Options of `connectProducts`. */
export interface ProductsOptions extends CommonConnectOptions {
  /** Receive events of these products only: at most 50, none if the list is empty. Default: all products. */
  productIds?: readonly ProductId[] | undefined;
  /**
   * Skip stock levels and prices that are out of date when they arrive: of the `inventory_updated` and `price_updated`
   * events that the service sends together, receive only the newest of each product. Default: false.
   */
  conflate?: boolean | undefined;
  /** Called for every event, once and in order; with `conflate`, for those that were not skipped. */
  onEvent?: ((event: ProductEvent) => void) | undefined;
  /** Called with the position of the channel each time a connection is established, before any event. */
  onSnapshot?: ((snapshot: ProductsSnapshot) => void) | undefined;
}

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
   * without reconnecting.
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
