import { createElement, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useOrderUpdates, useProductUpdates } from "../../../src/sdk/hooks/react.ts";
import { app, expose, report, setting, settings } from "./shared.ts";

/** Two components with the same order and one with products, in StrictMode. All options are inline objects. */

let change: (props: Partial<Props>) => void = () => {};
interface Props {
  orderId: string | undefined;
  token: string;
}

function Order({ orderId, token, isFirst }: Props & { isFirst: boolean }) {
  const url = setting("url");
  const updates = useOrderUpdates(orderId, { url, token, onEvent: () => {} });
  const [renders, setRenders] = useState(0);
  // Keeps rendering, as busy pages do.
  useEffect(() => {
    const timer = setTimeout(() => setRenders(renders + 1), 20);
    return () => clearTimeout(timer);
  });
  useEffect(() => {
    if (!isFirst) return report({ second: updates.order?.status });
    const { state, isConnected, recovered, order, lastEvent, error } = updates;
    report({ status: state, isConnected, recovered, order, lastSeq: lastEvent?.seq ?? null, error, renders });
  });
  return null;
}

function Products({ token }: Props) {
  const { products, state } = useProductUpdates({ url: setting("url"), token, productIds: ["p-1", "p-2"] });
  useEffect(() => report({ productsState: state, products: Object.fromEntries(products) }));
  return null;
}

function App() {
  const [props, setProps] = useState<Props>({ orderId: settings.order, token: setting("token") });
  change = (more) => setProps({ ...props, ...more });
  return [
    createElement(Order, { ...props, key: 1, isFirst: true }),
    createElement(Order, { ...props, key: 2, isFirst: false }),
    settings.products !== undefined && createElement(Products, { ...props, key: 3 }),
  ];
}

const root = createRoot(app);
root.render(createElement(StrictMode, null, createElement(App)));
expose({ change: (props: Partial<Props>) => change(props), unmount: () => root.unmount() });
