import "./original-received.ts";
import { useOrderUpdates } from "pasted:react";
import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { app, expose, report, setting } from "./shared.ts";

/** An order page with the original service's React hook, in StrictMode. */

function Order() {
  const order = useOrderUpdates(setting("order"), setting("token"));
  useEffect(() => report({ order }));
  return null;
}

const root = createRoot(app);
root.render(createElement(StrictMode, null, createElement(Order)));
expose({ unmount: () => root.unmount() });
