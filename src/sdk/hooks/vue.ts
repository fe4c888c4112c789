import {
  type ComputedRef,
  computed,
  getCurrentInstance,
  getCurrentScope,
  type MaybeRefOrGetter,
  onMounted,
  onScopeDispose,
  shallowRef,
  toValue,
  watch,
} from "vue";
import type { AnyOptions, OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./feed.ts";
import { feedKey, hookOptions, type Kind, orderKind, productsKind } from "./feed-kinds.ts";

/** Vue composables (3.3 and later). Nothing is connected on a server. */

export type { OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./feed.ts";
export type { OrderView, ProductMap, ProductView } from "./views.ts";

/** Each field as a ref of its own, so that they can be taken apart. */
export type Refs<V> = { readonly [K in keyof V]: ComputedRef<V[K]> } & {
  /** Tries now; begins anew after it was closed. */
  reconnect(): void;
};

/**
 * An order as it stands, until the component is unmounted (or its effect scope disposed of). All components that want
 * the same share one connection.
 * @param orderId A string, a ref or a getter. Without an id, nothing is connected.
 * @param options A token, or options; a ref or a getter when they change.
 * @example
 * const { order, isConnected, isStale } = useOrderUpdates(() => props.orderId, { getToken });
 */
export function useOrderUpdates(
  orderId: MaybeRefOrGetter<string | null | undefined>,
  options: MaybeRefOrGetter<OrderHookOptions | string | null | undefined>,
): Refs<OrderUpdates> {
  return useFeed(orderKind, orderId, () => hookOptions<OrderHookOptions>(toValue(options)));
}

/**
 * The products that something happened to, until the component is unmounted.
 * @param options A token, or options; a ref or a getter when they change. Other `productIds` are another connection.
 * @example
 * const { products } = useProductUpdates({ getToken, productIds: ["p-42"] });
 * const stock = computed(() => products.value.get("p-42")?.new_quantity);
 */
export function useProductUpdates(
  options: MaybeRefOrGetter<ProductsHookOptions | string | null | undefined>,
): Refs<ProductUpdates> {
  return useFeed(productsKind, "products", () => hookOptions<ProductsHookOptions>(toValue(options)));
}

function useFeed<V extends object>(
  kind: Kind<V>,
  id: MaybeRefOrGetter<string | null | undefined>,
  options: () => AnyOptions,
): Refs<V> {
  const key = computed(() => feedKey(toValue(id), options()));
  const view = shallowRef(kind.initial(key.value));
  let leave = () => {};
  const join = () => {
    leave();
    const [wanted, channel] = [key.value, toValue(id)];
    const onChange = () => {
      view.value = kind.view(wanted);
    };
    leave = wanted !== null && channel ? kind.use(wanted, channel, { options, onChange }) : () => {};
    onChange();
  };
  const begin = () => {
    watch(key, join, { immediate: true });
    watch(
      () => options().token,
      (token) => kind.renew(key.value, token),
    );
  };
  // A server renders components and never mounts them. What a component makes may outlive it, as a store does.
  const scope = getCurrentScope();
  if (getCurrentInstance()) onMounted(() => (scope ? scope.run(begin) : begin()));
  else begin();
  onScopeDispose(() => leave());

  const fields = Object.keys(view.value) as (keyof V)[];
  const refs = fields.map((field) => [field, computed(() => view.value[field])]);
  // One ref a field, as the type says.
  return { ...Object.fromEntries(refs), reconnect: () => kind.reconnect(key.value) } as Refs<V>;
}
