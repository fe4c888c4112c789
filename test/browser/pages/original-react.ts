import { useOrderUpdates } from "pasted:react";
import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { app, offer, setting, show } from "./page.ts";

/** A shop that uses the original service's React hook, in StrictMode. */

function Order() {
  const order = useOrderUpdates(setting("order"), setting("token"));
  useEffect(() => show({ order }));
  return null;
}

const root = createRoot(app);
root.render(createElement(StrictMode, null, createElement(Order)));
offer({ unmount: () => root.unmount() });
