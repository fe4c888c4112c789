import "./original-received.ts";
import { useProductUpdates } from "pasted:vue";
import { createApp, defineComponent, h, watchEffect } from "vue";
import { app, expose, report, setting } from "./shared.ts";

/** A product page with the original service's Vue composable. The initial stock comes from the page itself. */

const Products = defineComponent(() => {
  const { products, connected } = useProductUpdates(setting("token"));
  products.value.set("p-1", { stock_quantity: 10 });
  watchEffect(() => report({ products: Object.fromEntries(products.value), connected: connected.value }));
  return () => null;
});

const root = createApp(() => h(Products));
root.mount(app as never);
expose({ unmount: () => root.unmount() });
