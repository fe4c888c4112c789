import { useOrderUpdates, useProductUpdates } from "pasted:vue";
import { createApp, defineComponent, h, watchEffect } from "vue";
import { app, offer, setting, show } from "./page.ts";

/** A shop that uses the original service's hooks as Vue composables. */

const Order = defineComponent(() => {
  const { orderStatus, shipping, isConnected } = useOrderUpdates(setting("order"), setting("token"));
  watchEffect(() =>
    show({ order: { orderStatus: orderStatus.value, shipping: shipping.value, isConnected: isConnected.value } }),
  );
  return () => null;
});

const Products = defineComponent(() => {
  const { products, isConnected } = useProductUpdates(setting("token"));
  // All of it is shown as text, so that a change anywhere in it counts.
  watchEffect(() => show({ products: JSON.parse(JSON.stringify(products.value)), hasProducts: isConnected.value }));
  return () => null;
});

const root = createApp(() => [h(Order), h(Products)]);
root.mount(app as never);
offer({ unmount: () => root.unmount() });
