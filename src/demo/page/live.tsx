import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { Position } from "../../client/index.ts";
import {
  type Controls,
  type OrderUpdates,
  type ProductUpdates,
  useOrderUpdates,
  useProductUpdates,
} from "../../client/react.ts";
import { ChannelLog } from "./channel-log.ts";
import { aboutToken, credentials, tokenOf } from "./credentials.ts";
import { useStore } from "./store.ts";

/** The page's two connections. All views show the same ones, and they stay open when the view changes. */
export interface Live {
  order: OrderUpdates & Controls;
  products: ProductUpdates & Controls;
  orderLog: ChannelLog;
  productsLog: ChannelLog;
}

const LiveContext = createContext<Live | null>(null);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error("useLive needs LiveProvider around it");
  return live;
}

export function LiveProvider({ children }: { children: ReactNode }) {
  const held = useStore(credentials);
  const token = tokenOf(held) || null;
  const orderId = held.order || null;
  // Another order or another user is another story.
  const who = token === null ? "" : (aboutToken(token)?.subject ?? token);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new log for each of them is what is wanted
  const logs = useMemo(() => ({ order: new ChannelLog(), products: new ChannelLog() }), [orderId, who]);

  const beginning = useOrderBeginning(orderId, token, who);
  const order = useOrderUpdates(beginning === "unknown" ? null : orderId, {
    token,
    storage: logs.order.storage(() => (beginning === "unknown" ? null : beginning)),
    onEvent: logs.order.onEvent,
    onGap: logs.order.onGap,
    onStatus: logs.order.onStatus,
  });
  const products = useProductUpdates({
    token,
    storage: logs.products.storage(productsBeginning, ({ epoch }) => sessionStorage.setItem(EPOCH_KEY, epoch)),
    onEvent: logs.products.onEvent,
    onGap: logs.products.onGap,
    onStatus: logs.products.onStatus,
  });

  const live = useMemo(
    () => ({ order, products, orderLog: logs.order, productsLog: logs.products }),
    [order, products, logs],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}

/**
 * Where the order's history begins, so that its whole timeline comes and not only what happens from now on: position 0
 * of the epoch that its snapshot names. Null when there is none to be had; the connection then says why.
 */
function useOrderBeginning(orderId: string | null, token: string | null, who: string): Position | null | "unknown" {
  const [found, setFound] = useState<{ key: string; position: Position | null } | null>(null);
  const key = `${orderId} ${who}`;
  const isFound = found?.key === key;
  useEffect(() => {
    if (isFound || orderId === null || token === null) return;
    const aborter = new AbortController();
    loadEpoch(orderId, token, aborter.signal)
      .catch(() => null)
      .then((epoch) => {
        if (!aborter.signal.aborted) setFound({ key, position: epoch === null ? null : { epoch, seq: 0 } });
      });
    return () => aborter.abort();
  }, [isFound, key, orderId, token]);
  return isFound ? found.position : "unknown";
}

async function loadEpoch(orderId: string, token: string, signal: AbortSignal): Promise<string | null> {
  const headers = { Authorization: `Bearer ${token}` };
  const response = await fetch(`/api/v1/orders/${encodeURIComponent(orderId)}`, { headers, signal });
  const { epoch }: { epoch?: unknown } = response.ok ? await response.json() : {};
  return typeof epoch === "string" ? epoch : null;
}

/**
 * A shop's page would load its products from the shop's own API. Here the events are all there is, so after a reload
 * they are asked for from the first one on.
 */
function productsBeginning(): Position | null {
  const epoch = sessionStorage.getItem(EPOCH_KEY);
  return epoch === null ? null : { epoch, seq: 0 };
}

const EPOCH_KEY = "tidings-demo:products-epoch";
