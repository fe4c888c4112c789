import { createApp, defineComponent, h, ref, watchEffect } from "vue";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/vue.ts";
import { app, expose, report, setting, settings } from "./shared.ts";

/** Two components with the same order and one with products. */

const orderId = ref(settings.order);
const token = ref(setting("token"));
const url = setting("url");

const Order = defineComponent({
  props: { isFirst: Boolean },
  setup(props) {
    // biome-ignore lint/correctness/useHookAtTopLevel: a React rule; Vue calls composables in `setup`
    const updates = useOrderUpdates(orderId, () => ({ url, token: token.value }));
    watchEffect(() => {
      const { state, isConnected, recovered, order, lastEvent, error } = updates;
      if (!props.isFirst) report({ second: order.value?.status });
      else {
        report({
          status: state.value,
          isConnected: isConnected.value,
          recovered: recovered.value,
          order: order.value,
          lastSeq: lastEvent.value?.seq ?? null,
          error: error.value,
        });
      }
    });
    return () => null;
  },
});

const Products = defineComponent(() => {
  const { products, state } = useProductUpdates(() => ({ url, token: token.value, productIds: ["p-1", "p-2"] }));
  watchEffect(() => report({ productsState: state.value, products: Object.fromEntries(products.value) }));
  return () => null;
});

const isShown = ref(true);
const root = createApp(() => [
  isShown.value && h(Order, { isFirst: true }),
  isShown.value && h(Order, { isFirst: false }),
  settings.products !== undefined && h(Products),
]);
root.mount(app as never);
expose({
  change(props: { orderId?: string; token?: string }) {
    if ("orderId" in props) orderId.value = props.orderId;
    if (props.token !== undefined) token.value = props.token;
  },
  /** Unmounts and mounts the components, as hot module replacement does. */
  remount() {
    isShown.value = false;
    setTimeout(() => {
      isShown.value = true;
    });
  },
  unmount: () => root.unmount(),
});
