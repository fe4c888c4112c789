import type { OrderOptions, ProductsOptions } from "../connection/options.ts";
import type { ClosedReason, Gap, OrderEvent, ProductEvent, RetryCause, Status } from "../connection/types.ts";
import type { OrderView, ProductMap } from "./views.ts";

/** Public API of the hooks: what they take and return, the same for React and Vue. */

/** The fields that both hooks return, besides the order or the products. */
export interface Updates<E> {
  /** The connection's state; `idle` if there is nothing to connect to: no id, no token, or no products. */
  readonly state: Status["state"] | "idle";
  /** Whether `state` is `live`. */
  readonly isConnected: boolean;
  /** Whether the view may be out of date, because the connection has been down for a while. */
  readonly isStale: boolean;
  /** Whether the last interruption ended with every missed event delivered. */
  readonly recovered: boolean;
  readonly lastEvent: E | null;
  /** The delivery delay of the last event in milliseconds; null before the first one. */
  readonly lagMs: number | null;
  /** The last gap, where events were lost. Reload the state when this changes. */
  readonly gap: Gap | null;
  /** Why the connection closed, or could not be opened with these options; null while it is open. */
  readonly error: ClosedReason | null;
  /** The last failure, while the connection retries; null without one. */
  readonly cause: RetryCause | null;
}

export interface OrderUpdates extends Updates<OrderEvent> {
  /** The order's current state; null before the first frame. */
  readonly order: OrderView | null;
}

export interface ProductUpdates extends Updates<ProductEvent> {
  /** The products that had an event since the connection opened or the last gap, by product id; at most 10,000. */
  readonly products: ProductMap;
}

/** Options of a hook. Callbacks and `getToken` may be new functions on every render; the latest are used. */
export type HookOptions<O> = Omit<O, "onSnapshot" | "token"> & {
  token?: string | null | undefined;
  /**
   * Identifies the user, if tokens come from `getToken`. Components share a connection only if they pass the same user.
   */
  user?: string | undefined;
};
export type OrderHookOptions = HookOptions<OrderOptions>;
export type ProductsHookOptions = HookOptions<ProductsOptions>;

/** The methods that a hook returns besides its view. */
export interface Controls {
  /** Retries now instead of waiting for the back-off. Opens a closed connection again. */
  reconnect(): void;
}
