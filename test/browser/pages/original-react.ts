import { useOrderUpdates, useProductUpdates } from "pasted:react";
import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { app, offer, setting, show } from "./page.ts";

/** A shop that uses the original service's hooks, in StrictMode. */

function Order() {
  const order = useOrderUpdates(setting("order"), setting("token"));
  useEffect(() => show({ order }));
  return null;
}

function Products() {
  const { products, isConnected } = useProductUpdates(setting("token"));
  useEffect(() => show({ products, hasProducts: isConnected }));
  return null;
}

const root = createRoot(app);
root.render(createElement(StrictMode, null, createElement(Order), createElement(Products)));
offer({ unmount: () => root.unmount() });
