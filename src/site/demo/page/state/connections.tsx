import { createContext, type ReactNode, useContext, useMemo } from "react";
import {
  type Controls,
  type OrderUpdates,
  type ProductUpdates,
  useOrderUpdates,
  useProductUpdates,
} from "../../../../sdk/hooks/react.ts";
import { ChannelLog } from "./channel-log.ts";
import { activeToken, decodeToken, useCredentials } from "./credentials.ts";
import { orderStartingPosition, productsStartingPosition, useStartingPosition } from "./starting-position.ts";

/** The page's two connections. All views share them, and they stay open when the view changes. */
export interface Connections {
  order: OrderUpdates & Controls;
  products: ProductUpdates & Controls;
  orderLog: ChannelLog;
  productsLog: ChannelLog;
}

const ConnectionsContext = createContext<Connections | null>(null);

export function useConnections(): Connections {
  const connections = useContext(ConnectionsContext);
  if (!connections) throw new Error("useConnections needs a ConnectionsProvider around it");
  return connections;
}

export function ConnectionsProvider({ children }: { children: ReactNode }) {
  const credentials = useCredentials();
  const token = activeToken(credentials);
  const orderId = credentials.order;
  const user = decodeToken(token)?.subject ?? token;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the logs start over for another order or user
  const logs = useMemo(
    () => ({ order: new ChannelLog("order"), products: new ChannelLog("products") }),
    [orderId, user],
  );

  // Null keeps a hook idle until its starting position is known.
  const orderStart = useStartingPosition(orderId && token ? `${orderId} ${user}` : null, (signal) =>
    orderStartingPosition(orderId, token, signal),
  );
  const order = useOrderUpdates(orderStart && orderId, {
    token: token || null,
    storage: logs.order.storage(() => orderStart?.position ?? null),
    onEvent: logs.order.onEvent,
    onGap: logs.order.onGap,
    onStatus: logs.order.onStatus,
  });
  const productsStart = useStartingPosition(token ? user : null, (signal) =>
    productsStartingPosition(token, signal),
  );
  const products = useProductUpdates(
    productsStart && {
      token,
      storage: logs.products.storage(() => productsStart.position),
      onEvent: logs.products.onEvent,
      onGap: logs.products.onGap,
      onStatus: logs.products.onStatus,
    },
  );

  const connections = useMemo(
    () => ({ order, products, orderLog: logs.order, productsLog: logs.products }),
    [order, products, logs],
  );
  return <ConnectionsContext value={connections}>{children}</ConnectionsContext>;
}
