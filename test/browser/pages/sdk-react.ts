import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/react.ts";
import { app, offer, setting, show } from "./page.ts";

/** The same shop with the SDK's hooks, which take the same arguments. */

function Order() {
  const { order, isConnected } = useOrderUpdates(setting("order"), setting("token"));
  useEffect(() => show({ order, isConnected }));
  return null;
}

function Products() {
  const { products, isConnected } = useProductUpdates(setting("token"));
  useEffect(() => show({ products: Object.fromEntries(products), hasProducts: isConnected }));
  return null;
}

const root = createRoot(app);
root.render(createElement(StrictMode, null, createElement(Order), createElement(Products)));
offer({ unmount: () => root.unmount() });
