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
import { platform } from "../connection/page.ts";
import type { FeedOptions } from "./feed.ts";
import { type FeedKind, feedKey, hookOptions, orderKind, productsKind } from "./feed-kinds.ts";
import type { Controls, OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./updates.ts";

/**
 * Vue composables (Vue 3.3 and later). They connect only in a browser: called in `setup`, once the component is mounted;
 * later, or outside components, at once. Do not call them in a `beforeMount` hook: Vue ignores mounted hooks added there.
 */

export type { Controls, OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates } from "./updates.ts";
export type { OrderView, ProductMap, ProductView } from "./views.ts";

/** One read-only ref per field, so that the result can be destructured. */
export type Refs<V> = { readonly [K in keyof V]: ComputedRef<V[K]> } & Controls;

/**
 * Follows an order until the component is unmounted or the effect scope is disposed of. Components that follow the same
 * order share one connection.
 * @param orderId A string, ref or getter. Without an id, the composable stays idle.
 * @param options A token, or options; a ref or getter if they change.
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
 * Follows products until the component is unmounted or the effect scope is disposed of.
 * @param options A token, or options; a ref or getter if they change. When `productIds` changes, what is known about the
 * products that stay is kept; so is the connection, unless other components or tabs share it. More than 50 products are
 * an `error`.
 * @example
 * const { products } = useProductUpdates({ getToken, productIds: ["p-42"] });
 * const stock = computed(() => products.value.get("p-42")?.new_quantity);
 */
export function useProductUpdates(
  options: MaybeRefOrGetter<ProductsHookOptions | string | null | undefined>,
): Refs<ProductUpdates> {
  return useFeed(productsKind, "products", () => hookOptions<ProductsHookOptions>(toValue(options)));
}

function useFeed<E, V extends object>(
  kind: FeedKind<E, V>,
  id: MaybeRefOrGetter<string | null | undefined>,
  options: () => FeedOptions<E>,
): Refs<V> {
  const key = computed(() => feedKey(toValue(id), options()));
  const view = shallowRef(kind.view(key.value));
  let unsubscribe = () => {};
  const subscribe = () => {
    unsubscribe();
    const [current, currentId] = [key.value, toValue(id)];
    const onChange = () => {
      view.value = kind.view(current);
    };
    unsubscribe = current !== null && currentId ? kind.subscribe(current, currentId, { options, onChange }) : () => {};
    onChange();
  };
  const start = () => {
    watch(key, subscribe, { immediate: true });
    watch(
      () => options().token,
      (token) => kind.setToken(key.value, token),
    );
  };
  // A server renders components but never mounts them. A store's scope must not connect there either: all users of the
  // server would share its feed. The scope may outlive the component, as a store's scope does.
  const scope = getCurrentScope();
  const component = getCurrentInstance();
  // Vue runs no mounted hook that is added after mounting.
  if (component && !component.isMounted) onMounted(() => (scope ? scope.run(start) : start()));
  else if (component || platform.document) start();
  onScopeDispose(() => unsubscribe());

  const fields = Object.keys(view.value) as (keyof V)[];
  const refs = fields.map((field) => [field, computed(() => view.value[field])]);
  // `Object.fromEntries` loses the types of the fields.
  return { ...Object.fromEntries(refs), reconnect: () => kind.reconnect(key.value) } as Refs<V>;
}
