import { statusChangeOf } from "../../protocol/status-change.ts";
import type { OrderEvent, OrderSnapshot, Position, ProductEvent } from "../connection/types.ts";

/** What a page shows: states that follow from first frames and events. Pure, and the same for React and Vue. */

/** So many of the newest events a view keeps. */
export const MAX_TIMELINE = 100;
/** So many products a view keeps: those that something happened to last. */
export const MAX_PRODUCTS = 10_000;

/** An order as it stands; null for what nobody said. */
export interface OrderView {
  readonly order_id: string;
  readonly status: string | null;
  readonly payment_status: string | null;
  readonly tracking_number: string | null;
  readonly carrier: string | null;
  /** The events that came, oldest first. */
  readonly timeline: readonly OrderEvent[];
  /** The state is the order's as of this position: events up to it change nothing but the timeline. */
  readonly asOf: Position;
}

/** The order after a first frame. */
export function withSnapshot(view: OrderView | null, snapshot: OrderSnapshot): OrderView {
  const { order_id, current_status, payment_status, epoch, seq } = snapshot;
  return {
    tracking_number: null,
    carrier: null,
    timeline: [],
    ...view,
    order_id,
    status: current_status,
    payment_status,
    asOf: { epoch, seq },
  };
}

/** The order after an event. */
export function withOrderEvent(view: OrderView, event: OrderEvent): OrderView {
  const shipped = event.type === "order_shipped" ? event.data : null;
  return {
    ...view,
    ...(event.seq > view.asOf.seq && statusChangeOf(event.type, event.data)),
    tracking_number: shipped?.tracking_number ?? view.tracking_number,
    carrier: shipped?.carrier ?? view.carrier,
    timeline: [...view.timeline, event].slice(-MAX_TIMELINE),
  };
}

/** What events said of a product; only what they said is there. */
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
export type ProductMap = ReadonlyMap<string, ProductView>;

/** The products after some events; the map that was given stays as it is. */
export function withProductEvents(products: ProductMap, events: readonly ProductEvent[]): ProductMap {
  const next = new Map(products);
  for (const event of events) {
    const { timestamp: _, ...said } = event.data;
    const id = event.data.product_id;
    const before = next.get(id);
    // What happened last goes to the end, so that the beginning is what can go.
    next.delete(id);
    next.set(id, { ...before, ...said, isDeleted: event.type === "product_deleted", lastEvent: event });
  }
  for (const id of next.keys()) {
    if (next.size <= MAX_PRODUCTS) break;
    next.delete(id);
  }
  return next;
}
