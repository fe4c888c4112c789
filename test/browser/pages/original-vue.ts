import { useProductUpdates } from "pasted:vue";
import { createApp, defineComponent, h, watchEffect } from "vue";
import { app, offer, setting, show } from "./page.ts";

/** A shop that uses the original service's Vue composable; what it knows of its products comes from elsewhere. */

const Products = defineComponent(() => {
  const { products, connected } = useProductUpdates(setting("token"));
  products.value.set("p-1", { stock_quantity: 10 });
  watchEffect(() => show({ products: Object.fromEntries(products.value), connected: connected.value }));
  return () => null;
});

const root = createApp(() => h(Products));
root.mount(app as never);
offer({ unmount: () => root.unmount() });
