import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/react.ts";
import { app, expose, report, setting } from "./shared.ts";

/** The same pages with the SDK's React hooks, which take the same arguments. */

function Order() {
  const { order, isConnected } = useOrderUpdates(setting("order"), setting("token"));
  useEffect(() => report({ order, isConnected }));
  return null;
}

function Products() {
  const { products, isConnected } = useProductUpdates(setting("token"));
  useEffect(() => report({ products: Object.fromEntries(products), hasProducts: isConnected }));
  return null;
}

const root = createRoot(app);
root.render(createElement(StrictMode, null, createElement(Order), createElement(Products)));
expose({ unmount: () => root.unmount() });
