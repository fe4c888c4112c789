import type { SharedTabs } from "./link.ts";
import type { Tuning } from "./tuning.ts";
import type { Gap, OrderEvent, OrderSnapshot, Position, ProductEvent, ProductsSnapshot, Status } from "./types.ts";

/** Public API: the options and methods of a connection. What it reports is in `types.ts`. */

/**
 * Stores positions across page loads: `sessionStorage`, or anything with these two methods. Do not use `localStorage` if
 * users open several tabs, because each tab has its own position. Tokens are never stored.
 */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/**
 * Returns a token (a JWT). Called before every connection attempt, and again before the current token expires. If it
 * throws or rejects, returns anything other than a JWT, or takes longer than `tuning.connectTimeoutMs`, it is called
 * again after a back-off.
 */
export type GetToken = () => string | Promise<string>;

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
  /** Called when events were lost. Reload the state; delivery continues after the gap. */
  onGap?: ((gap: Gap) => void) | undefined;
  /** The position to resume from: the events after it are delivered first. Takes precedence over `storage`. */
  position?: Position | null | undefined;
  /**
   * Where to keep the position, so that a reloaded page receives the events it missed. Default: nowhere.
   * @example
   * connectOrder(orderId, { getToken, storage: sessionStorage });
   */
  storage?: PositionStorage | undefined;
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
  productIds?: readonly string[] | undefined;
  /** Called for every event, once and in order. */
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
   * How late the newest event arrived, in milliseconds. Measured against the fastest frame of this connection, which
   * cancels out clock differences. Null before the first event.
   */
  readonly lagMs: number | null;
  /** Closes the connection. After the status `closed`, no callback is called. */
  close(): void;
  /** Retries now instead of waiting for the back-off. Reopens a closed connection from its last position. */
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
   * Adds products to the filter. A connection to all products then receives only these.
   * @throws {RangeError} if the filter would have more than 50 products.
   * @throws {Error} if the connection is shared between tabs.
   */
  subscribe(productIds: readonly string[]): void;
  /**
   * Removes products from the filter. Has no effect on a connection to all products.
   * @throws {Error} if the connection is shared between tabs.
   */
  unsubscribe(productIds: readonly string[]): void;
}
