import type { OrderView } from "../../../../sdk/hooks/react.ts";
import type { EventDraft } from "./publish.ts";

/** An order's steps in the demo, and the events that advance it. */

export const STEPS = ["Placed", "Paid", "Shipped", "Delivered"] as const;

type OrderStatuses = Pick<OrderView, "status" | "payment_status">;

export const isCancelled = ({ status }: OrderStatuses) => status === "cancelled";
const isDelivered = ({ status }: OrderStatuses) => status === "delivered";
export const isShipped = ({ status }: OrderStatuses) => status === "shipped" || status === "delivered";
const isPaid = ({ payment_status }: OrderStatuses) => payment_status === "paid";

/** Returns which steps an order has taken. */
export const stepsTaken = (order: OrderStatuses): readonly boolean[] => [
  true,
  isPaid(order),
  isShipped(order),
  isDelivered(order),
];

export type OrderAction = "Pay" | "Ship" | "Deliver" | "Cancel";

interface ActionRule {
  draft: (order: OrderStatuses) => EventDraft;
  /** Says why the action is not possible now; null if it is. */
  obstacle: (order: OrderStatuses) => string | null;
}

export const ORDER_ACTIONS: Record<OrderAction, ActionRule> = {
  Pay: {
    draft: ({ payment_status }) => ({
      type: "payment_status_changed",
      data: { old_status: payment_status, new_status: "paid" },
    }),
    obstacle: (order) => ended(order) ?? (isPaid(order) ? "already paid" : null),
  },
  Ship: {
    draft: () => ({ type: "order_shipped", data: { carrier: "UPS", tracking_number: "1Z999AA101" } }),
    obstacle: (order) => ended(order) ?? (isShipped(order) ? "already shipped" : isPaid(order) ? null : "not paid yet"),
  },
  Deliver: {
    draft: () => ({ type: "order_delivered", data: {} }),
    obstacle: (order) => ended(order) ?? (isShipped(order) ? null : "not shipped yet"),
  },
  Cancel: {
    draft: () => ({ type: "order_cancelled", data: { reason: "Out of stock" } }),
    obstacle: (order) => ended(order),
  },
};

function ended(order: OrderStatuses): string | null {
  if (isCancelled(order)) return "cancelled";
  return isDelivered(order) ? "delivered" : null;
}
