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
  // biome-ignore lint/correctness/useExhaustiveDependencies: the log starts over for another order or user
  const orderLog = useMemo(() => new ChannelLog("order"), [orderId, user]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the log starts over for another user
  const productsLog = useMemo(() => new ChannelLog("products"), [user]);

  // Null keeps a hook idle until its starting position is known.
  const orderStart = useStartingPosition(orderId && token ? `${orderId} ${user}` : null, (signal) =>
    orderStartingPosition(orderId, token, signal),
  );
  const order = useOrderUpdates(orderStart && orderId, {
    token,
    position: orderStart?.position,
    ...orderLog.hookOptions,
  });
  const productsStart = useStartingPosition(token ? user : null, (signal) => productsStartingPosition(token, signal));
  const products = useProductUpdates(
    productsStart && { token, position: productsStart.position, ...productsLog.hookOptions },
  );
  return <ConnectionsContext value={{ order, products, orderLog, productsLog }}>{children}</ConnectionsContext>;
}
