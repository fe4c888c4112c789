import { createApp, defineComponent, h, watchEffect } from "vue";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/vue.ts";
import { app, expose, report, setting } from "./shared.ts";

/** The same pages with the SDK's Vue composables, which take the same arguments. */

const Order = defineComponent(() => {
  const { order, isConnected } = useOrderUpdates(setting("order"), setting("token"));
  watchEffect(() => report({ order: order.value, isConnected: isConnected.value }));
  return () => null;
});

const Products = defineComponent(() => {
  const { products, isConnected } = useProductUpdates(setting("token"));
  watchEffect(() => report({ products: Object.fromEntries(products.value), hasProducts: isConnected.value }));
  return () => null;
});

const root = createApp(() => [h(Order), h(Products)]);
root.mount(app as never);
expose({ unmount: () => root.unmount() });
