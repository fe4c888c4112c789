import type { EventType } from "./event-data.ts";

/** Changes to an order's snapshot. Absent fields stay unchanged. */
export interface StatusChange {
  status?: string;
  payment_status?: string;
}

/**
 * Returns what an event changes in its order's snapshot.
 * @param data The event's validated `data`.
 */
export function statusChangeOf(type: EventType, data: Record<string, unknown>): StatusChange {
  switch (type) {
    case "order_status_changed":
      return { status: String(data.new_status) };
    case "payment_status_changed":
      return { payment_status: String(data.new_status) };
    case "order_shipped":
      return { status: "shipped" };
    case "order_delivered":
      return { status: "delivered" };
    case "order_cancelled":
      return { status: "cancelled" };
    default:
      return {};
  }
}
