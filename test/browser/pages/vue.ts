import { createApp, defineComponent, h, ref, watchEffect } from "vue";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/vue.ts";
import { app, offer, setting, settings, show } from "./page.ts";

/** Two components that want the same order, and one that wants products. */

const orderId = ref(settings.order);
const token = ref(setting("token"));
const url = setting("url");

const Order = defineComponent({
  props: { isFirst: Boolean },
  setup(props) {
    // biome-ignore lint/correctness/useHookAtTopLevel: the rule is React's; Vue calls composables in `setup`
    const updates = useOrderUpdates(orderId, () => ({ url, token: token.value }));
    watchEffect(() => {
      const { status, isConnected, recovered, order, lastEvent, error } = updates;
      if (!props.isFirst) show({ second: order.value?.status });
      else {
        show({
          status: status.value,
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
  const { products, status } = useProductUpdates(() => ({ url, token: token.value, productIds: ["p-1", "p-2"] }));
  watchEffect(() => show({ productsStatus: status.value, products: Object.fromEntries(products.value) }));
  return () => null;
});

const isShown = ref(true);
const root = createApp(() => [
  isShown.value && h(Order, { isFirst: true }),
  isShown.value && h(Order, { isFirst: false }),
  settings.products !== undefined && h(Products),
]);
root.mount(app as never);
offer({
  change(props: { orderId?: string; token?: string }) {
    if ("orderId" in props) orderId.value = props.orderId;
    if (props.token !== undefined) token.value = props.token;
  },
  /** As hot module replacement does: away, and here again. */
  remount() {
    isShown.value = false;
    setTimeout(() => {
      isShown.value = true;
    });
  },
  unmount: () => root.unmount(),
});
