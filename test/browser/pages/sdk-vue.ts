import { createApp, defineComponent, h, watchEffect } from "vue";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/vue.ts";
import { app, offer, setting, show } from "./page.ts";

/** The same shop with the SDK's composables, which take the same arguments. */

const Order = defineComponent(() => {
  const { order, isConnected } = useOrderUpdates(setting("order"), setting("token"));
  watchEffect(() => show({ order: order.value, isConnected: isConnected.value }));
  return () => null;
});

const Products = defineComponent(() => {
  const { products, isConnected } = useProductUpdates(setting("token"));
  watchEffect(() => show({ products: Object.fromEntries(products.value), hasProducts: isConnected.value }));
  return () => null;
});

const root = createApp(() => [h(Order), h(Products)]);
root.mount(app as never);
offer({ unmount: () => root.unmount() });
