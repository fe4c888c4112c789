import type { OrderEvent, ProductEvent } from "../../../sdk/index.ts";

/** One event in plain words, for timelines and for screen readers. `type` tells which fields `data` has. */
export function describe(event: OrderEvent | ProductEvent): string {
  switch (event.type) {
    case "order_status_changed":
      return `Status is ${event.data.new_status}${was(event.data.old_status)}`;
    case "payment_status_changed":
      return `Payment is ${event.data.new_status}${was(event.data.old_status)}`;
    case "order_shipped": {
      const { carrier, tracking_number: tracking } = event.data;
      return `Shipped${carrier ? ` with ${carrier}` : ""}${tracking ? `, tracking number ${tracking}` : ""}`;
    }
    case "order_delivered":
      return "Delivered";
    case "order_cancelled":
      return `Cancelled${event.data.reason ? `: ${event.data.reason}` : ""}`;
    case "product_created":
      return `${named(event.data)} is new`;
    case "product_updated":
      return `${named(event.data)} has a new description`;
    case "product_deleted":
      return `${named(event.data)} is gone`;
    case "inventory_updated":
      return `${named(event.data)}: stock is ${event.data.new_quantity}${was(event.data.old_quantity)}`;
    case "price_updated":
      return `${named(event.data)}: price is ${event.data.new_price}${was(event.data.old_price)}`;
    case "product_status_changed":
      return `${named(event.data)} is ${event.data.new_status}${was(event.data.old_status)}`;
  }
}

const named = (data: { product_id: string; sku?: unknown; name?: unknown }) =>
  String(data.name ?? data.sku ?? data.product_id);
const was = (old: unknown) => (old === undefined || old === null ? "" : ` (was ${String(old)})`);

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
export const timeText = (time: Date | string) => clock.format(new Date(time));
