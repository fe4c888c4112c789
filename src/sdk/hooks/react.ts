import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { FeedOptions } from "./feed.ts";
import { type FeedKind, feedKey, hookOptions, orderKind, productsKind } from "./feed-kinds.ts";
import type { Controls, OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./updates.ts";

/** React hooks (React 18 and later). They connect after mounting, so never on a server. */

export type { Controls, OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./updates.ts";
export type { OrderView, ProductMap, ProductView } from "./views.ts";

/**
 * Follows an order while the component is mounted. Components that follow the same order share one connection.
 * @param orderId Without an id, the hook stays idle.
 * @param options A token, or options, which may be a new object on every render.
 * @example
 * const { order, isConnected, isStale } = useOrderUpdates(orderId, { getToken });
 */
export function useOrderUpdates(
  orderId: string | null | undefined,
  options: OrderHookOptions | string | null | undefined,
): OrderUpdates & Controls {
  return useFeed(orderKind, orderId, hookOptions<OrderHookOptions>(options));
}

/**
 * Follows products while the component is mounted.
 * @param options A token, or options. When `productIds` changes, what is known about the products that stay is kept; so
 * is the connection, unless other components or tabs share it. More than 50 products are an `error`.
 * @example
 * const { products } = useProductUpdates({ getToken, productIds: ["p-42"] });
 * const stock = products.get("p-42")?.new_quantity ?? product.quantity;
 */
export function useProductUpdates(options: ProductsHookOptions | string | null | undefined): ProductUpdates & Controls {
  return useFeed(productsKind, "products", hookOptions<ProductsHookOptions>(options));
}

function useFeed<E, V extends object>(
  kind: FeedKind<E, V>,
  id: string | null | undefined,
  options: FeedOptions<E>,
): V & Controls {
  const key = feedKey(id, options);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const subscribe = useCallback(
    (onChange: () => void) =>
      key === null || !id ? () => {} : kind.subscribe(key, id, { options: () => latest.current, onChange }),
    [kind, key, id],
  );
  // The key of the last commit: until the effects have run, the new feed is not there yet.
  const shown = useRef(key);
  useEffect(() => {
    shown.current = key;
  }, [key]);
  const view = useSyncExternalStore(
    subscribe,
    () => kind.view(key, shown.current),
    () => kind.initial(key),
  );
  const { token } = options;
  useEffect(() => kind.setToken(key, token), [kind, key, token]);
  return useMemo(() => ({ ...view, reconnect: () => kind.reconnect(key) }), [kind, key, view]);
}
