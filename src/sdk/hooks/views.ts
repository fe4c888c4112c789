import { statusChangeOf } from "../../protocol/status-change.ts";
import type { OrderEvent, OrderSnapshot, Position, ProductEvent, ProductEventType } from "../connection/types.ts";

/** The views that snapshots and events build up. Pure, and the same for React and Vue. */

/** The view of an order keeps this many of the newest events. */
export const MAX_TIMELINE = 100;
/** The view keeps this many products: those with the most recent events. */
export const MAX_PRODUCTS = 10_000;

/** The current state of an order. Fields are null while unknown. */
export interface OrderView {
  readonly order_id: string;
  readonly status: string | null;
  readonly payment_status: string | null;
  readonly tracking_number: string | null;
  readonly carrier: string | null;
  /** The events received, oldest first; at most the newest 100. */
  readonly timeline: readonly OrderEvent[];
  /** The position of the last snapshot. Replayed events up to it only extend the timeline. */
  readonly asOf: Position;
}

/** Returns the view after a snapshot. */
export function withSnapshot(view: OrderView | null, snapshot: OrderSnapshot): OrderView {
  const { order_id, current_status, payment_status, tracking_number, carrier, epoch, seq } = snapshot;
  return {
    order_id,
    status: current_status,
    payment_status,
    tracking_number,
    carrier,
    timeline: view?.timeline ?? [],
    asOf: { epoch, seq },
  };
}

/** Returns the view after an event. */
export function withOrderEvent(view: OrderView, event: OrderEvent): OrderView {
  return {
    ...view,
    ...(event.seq > view.asOf.seq && statusChangeOf(event)),
    timeline: [...view.timeline, event].slice(-MAX_TIMELINE),
  };
}

/** The latest values that events reported about a product, named as in events. A field is absent until reported. */
export interface ProductView {
  readonly product_id: string;
  readonly sku?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly old_quantity?: number | null | undefined;
  readonly new_quantity?: number | undefined;
  readonly old_price?: number | null | undefined;
  readonly new_price?: number | undefined;
  readonly old_status?: string | null | undefined;
  readonly new_status?: string | undefined;
  readonly isDeleted: boolean;
  readonly lastEvent: ProductEvent;
}
/** By product id as text: product 42 is `"42"`. */
export type ProductMap = ReadonlyMap<string, ProductView>;

/** Returns the products after some events, as a new map. */
export function withProductEvents(products: ProductMap, events: readonly ProductEvent[]): ProductMap {
  const next = new Map(products);
  for (const event of events) {
    const product_id = String(event.data.product_id);
    const before = next.get(product_id);
    // Maps keep insertion order: the least recently changed products come first, and are dropped first.
    next.delete(product_id);
    next.set(product_id, { isDeleted: false, ...before, ...reportedBy(event), product_id, lastEvent: event });
  }
  for (const id of next.keys()) {
    if (next.size <= MAX_PRODUCTS) break;
    next.delete(id);
  }
  return next;
}

const REPORTING_TYPES: ReadonlySet<string> = new Set(
  Object.keys({
    product_created: true,
    product_updated: true,
    product_deleted: true,
    inventory_updated: true,
    price_updated: true,
    product_status_changed: true,
  } satisfies Record<ProductEventType, true>),
);

/** Returns the fields that an event reports. Those of extra types are left out: their `new_price` may mean anything. */
function reportedBy(event: ProductEvent): Partial<ProductView> {
  if (!REPORTING_TYPES.has(event.type)) return {};
  const { timestamp: _, product_id: __, ...fields } = event.data;
  return { ...fields, isDeleted: event.type === "product_deleted" };
}
