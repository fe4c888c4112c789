import { createContext, type ReactNode, useContext, useMemo } from "react";
import {
  type Controls,
  type OrderUpdates,
  type ProductUpdates,
  useOrderUpdates,
  useProductUpdates,
} from "../../../sdk/hooks/react.ts";
import { orderBeginning, productsBeginning, useBeginning } from "./beginning.ts";
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

  // As long as it is not known where to begin, there is nothing to connect to: hooks take null for that.
  const orderStart = useBeginning(orderId && token && `${orderId} ${who}`, () => orderBeginning(orderId, token));
  const order = useOrderUpdates(orderStart && orderId, {
    token,
    storage: logs.order.storage(() => orderStart?.position ?? null),
    onEvent: logs.order.onEvent,
    onGap: logs.order.onGap,
    onStatus: logs.order.onStatus,
  });
  const productsStart = useBeginning(token && who, () => productsBeginning(token));
  const products = useProductUpdates(
    productsStart && {
      token,
      storage: logs.products.storage(() => productsStart.position),
      onEvent: logs.products.onEvent,
      onGap: logs.products.onGap,
      onStatus: logs.products.onStatus,
    },
  );

  const live = useMemo(
    () => ({ order, products, orderLog: logs.order, productsLog: logs.products }),
    [order, products, logs],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}
