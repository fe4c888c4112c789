import { useOrderUpdates, useProductUpdates } from "../../src/sdk/hooks/react.ts";
import * as vue from "../../src/sdk/hooks/vue.ts";
import { connectOrder, connectProducts, type OrderEvent, type Status } from "../../src/sdk/index.ts";
import { onceAcrossTabs, sharedTabs } from "../../src/sdk/tabs/tabs.ts";

/** Types are tested by compiling this file: correct uses compile, wrong ones do not. Nothing here runs. */

export function orderTypes(event: OrderEvent, getToken: () => Promise<string>): void {
  if (event.type === "order_shipped") event.data.tracking_number satisfies string | null | undefined;
  if (event.type === "order_status_changed") event.data.new_status satisfies string;
  event.data.order_id satisfies string;
  event.seq satisfies number;
  // @ts-expect-error: only product events have quantities
  event.data.new_quantity;
  // @ts-expect-error: only `order_shipped` has a tracking number
  event.data.tracking_number;
  // @ts-expect-error: there is no such event
  event.type === "order_teleported";
  // @ts-expect-error: an order's channel has no product events
  event.type === "inventory_updated";

  const connection = connectOrder("id", { getToken, token: undefined, shared: sharedTabs() });
  connection.close();
  // @ts-expect-error: an order has no filter
  connection.subscribe(["p"]);
  // @ts-expect-error: an order has no filter
  connectOrder("id", { getToken, productIds: ["p"] });
  // @ts-expect-error: an order's events are never skipped
  connectOrder("id", { getToken, conflate: true });
  // @ts-expect-error: the position is read-only
  connection.position = null;
  // @ts-expect-error: milliseconds are numbers
  connectOrder("id", { getToken, tuning: { heartbeatMs: "25s" } });
  // @ts-expect-error: getToken returns a string
  connectOrder("id", { getToken: () => 7 });
}

export function productTypes(getToken: () => string): void {
  const connection = connectProducts({
    getToken,
    conflate: true,
    onEvent(event) {
      event.data.product_id satisfies string | number;
      if (event.type === "inventory_updated") event.data.new_quantity satisfies number;
      // @ts-expect-error: only an inventory update has a quantity
      event.data.new_quantity;
      // @ts-expect-error: the products channel has no order events
      if (event.type === "order_shipped") return;
    },
    onSnapshot(snapshot) {
      snapshot.channel satisfies "products";
      // @ts-expect-error: the products channel has no status
      snapshot.current_status;
    },
  });
  connection.subscribe(["p-42"]);
  // @ts-expect-error: product ids are a list
  connection.subscribe("p-42");
}

export function statusTypes(status: Status): void {
  if (status.state === "closed") status.reason.userMustAct satisfies boolean;
  if (status.state === "live") status.recovered satisfies boolean;
  // @ts-expect-error: only the closed status has a reason
  status.reason;
  // @ts-expect-error: there is no such state
  status.state === "open";
}

export function UseReact({ orderId, token }: { orderId: string | undefined; token: string | null }): string | null {
  const { order, state, error } = useOrderUpdates(orderId, token);
  const { products } = useProductUpdates(token);
  products.get("p")?.new_quantity satisfies number | undefined;
  error?.userMustAct satisfies boolean | undefined;
  state satisfies Status["state"] | "idle";
  // @ts-expect-error: the order is null at first
  order.status;
  // @ts-expect-error: the view is read-only
  products.delete("p");
  return order?.status ?? null;
}

export function useVue(orderId: string | undefined): string | null {
  const { order, isConnected } = vue.useOrderUpdates(() => orderId, { getToken: () => "token" });
  isConnected.value satisfies boolean;
  // @ts-expect-error: refs are read-only
  isConnected.value = true;
  return order.value?.payment_status ?? null;
}

/** A browser's class, which these tests have no types of. */
declare const Notification: new (title: string) => object;

export function tabTypes(id: string): void {
  // An effect may return anything, or a promise.
  void onceAcrossTabs(id, () => new Notification("Your order is on its way"));
  void onceAcrossTabs(id, async () => {});
  // @ts-expect-error: an effect is a function
  void onceAcrossTabs(id, new Notification("Your order is on its way"));
}
