import type { EventType } from "./event-data.ts";

/** What an order's snapshot learns from an event; absent fields stay as they are. */
export interface StatusChange {
  status?: string;
  payment_status?: string;
}

/**
 * What an order's snapshot learns from an event.
 * @param data The event's `data`, already validated by the catalogue.
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
