import type { OrderEvent, ProductEvent } from "../../../../sdk/index.ts";
import { formatPrice } from "../state/products.ts";

/** Returns an event in plain words, for timelines and screen readers. */
export function eventText(event: OrderEvent | ProductEvent): string {
  switch (event.type) {
    case "order_created":
      return "Order placed";
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
      return `${productName(event.data)} was added`;
    case "product_updated":
      return `${productName(event.data)} was updated`;
    case "product_deleted":
      return `${productName(event.data)} was removed`;
    case "inventory_updated":
      return `${productName(event.data)}: stock is ${event.data.new_quantity}${was(event.data.old_quantity)}`;
    case "price_updated":
      return `${productName(event.data)}: price is ${formatPrice(event.data.new_price)}${was(inEuros(event.data.old_price))}`;
    case "product_status_changed":
      return `${productName(event.data)}: status is ${event.data.new_status}${was(event.data.old_status)}`;
    default:
      return shopText(event);
  }
}

/** Describes an event that the shop declared in `EXTRA_EVENTS`: `order_refunded` is "Order refunded". */
function shopText({ type }: { type: string }): string {
  return (type.charAt(0).toUpperCase() + type.slice(1)).replaceAll("_", " ");
}

const productName = (data: { product_id: string | number; sku?: unknown; name?: unknown }) =>
  String(data.name ?? data.sku ?? data.product_id);
const inEuros = (price: number | null | undefined) => (typeof price === "number" ? formatPrice(price) : null);
const was = (old: unknown) => (old === undefined || old === null ? "" : ` (was ${String(old)})`);

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
export const formatTime = (time: Date | string) => clock.format(new Date(time));
