import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { AnyOptions, OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./feed.ts";
import { feedKey, hookOptions, type Kind, orderKind, productsKind } from "./feed-kinds.ts";

/** React hooks (18 and later). Nothing is connected while rendering, on a server or in a browser. */

export type { OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./feed.ts";
export type { OrderView, ProductMap, ProductView } from "./views.ts";

/** What a page can do besides looking. */
export interface Controls {
  /** Tries now; begins anew after it was closed. */
  reconnect(): void;
}

/**
 * An order as it stands, while the component is mounted. All components that want the same share one connection.
 * @param orderId Without one, nothing is connected.
 * @param options A token, or options; they may be another object on each render.
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
 * The products that something happened to, while the component is mounted.
 * @param options A token, or options. Other `productIds` are another connection.
 * @example
 * const { products } = useProductUpdates({ getToken, productIds: ["p-42"] });
 * const stock = products.get("p-42")?.new_quantity ?? product.quantity;
 */
export function useProductUpdates(options: ProductsHookOptions | string | null | undefined): ProductUpdates & Controls {
  return useFeed(productsKind, "products", hookOptions<ProductsHookOptions>(options));
}

function useFeed<V extends object>(kind: Kind<V>, id: string | null | undefined, options: AnyOptions): V & Controls {
  const key = feedKey(id, options);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const subscribe = useCallback(
    (onChange: () => void) =>
      key === null || !id ? () => {} : kind.use(key, id, { options: () => latest.current, onChange }),
    [kind, key, id],
  );
  const view = useSyncExternalStore(
    subscribe,
    () => kind.view(key),
    () => kind.initial(key),
  );
  const { token } = options;
  useEffect(() => kind.renew(key, token), [kind, key, token]);
  return useMemo(() => ({ ...view, reconnect: () => kind.reconnect(key) }), [kind, key, view]);
}
