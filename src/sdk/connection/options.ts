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

/** Public API: what a connection takes. The connection itself is in `types.ts`. */

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
