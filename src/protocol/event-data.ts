/**
 * The events as types, without the validation library. `events.ts` has the schemas, and does not compile unless each
 * matches its type here.
 */

interface AnyEventData {
  /** As in RFC 3339, or a form close to it: the offset and seconds may be missing, and a space may stand for `T`. */
  timestamp?: string | null | undefined;
  /** Other fields pass through unchanged. */
  [field: string]: unknown;
}

interface AnyOrderData extends AnyEventData {
  /** Filled in by the service if missing. */
  order_id?: string | null | undefined;
}

/** Text of 1 to 128 characters, or a safe integer: 42 is the same id as "42". */
export type ProductId = string | number;

interface AnyProductData extends AnyEventData {
  product_id: ProductId;
  sku?: string | null | undefined;
}

interface OrderStatusData extends AnyOrderData {
  old_status?: string | null | undefined;
  new_status: string;
}

interface ProductNameData extends AnyProductData {
  name?: string | null | undefined;
}

/** The `data` of each event of an order's channel, as published. */
export interface OrderEvents {
  order_created: AnyOrderData;
  order_status_changed: OrderStatusData;
  payment_status_changed: OrderStatusData;
  order_shipped: AnyOrderData & { tracking_number?: string | null | undefined; carrier?: string | null | undefined };
  order_delivered: AnyOrderData;
  order_cancelled: AnyOrderData & { reason?: string | null | undefined };
}

/** The `data` of each event of the products channel, as published. */
export interface ProductEvents {
  product_created: ProductNameData;
  product_updated: ProductNameData;
  product_deleted: AnyProductData;
  /** Quantities are integers from 0. */
  inventory_updated: AnyProductData & { old_quantity?: number | null | undefined; new_quantity: number };
  /** Prices are numbers from 0. */
  price_updated: AnyProductData & { old_price?: number | null | undefined; new_price: number };
  product_status_changed: AnyProductData & { old_status?: string | null | undefined; new_status: string };
}

/**
 * The order events that your service declares in `EXTRA_EVENTS`. Declare their `data` here, too, to receive and publish
 * them with types:
 * @example
 * declare module "tidings/client" { // or "tidings/publisher"
 *   interface ExtraOrderEvents {
 *     order_refunded: { amount: number; new_status?: string };
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: a program adds its own members
export interface ExtraOrderEvents {}

/** The product events that your service declares in `EXTRA_EVENTS`. As `ExtraOrderEvents`. */
// biome-ignore lint/suspicious/noEmptyInterface: a program adds its own members
export interface ExtraProductEvents {}

export type OrderEventType = keyof OrderEvents;
export type ProductEventType = keyof ProductEvents;
export type EventType = OrderEventType | ProductEventType;

/** The `data` of every order event that this program knows, as published. */
export type AllOrderEvents = OrderEvents & { [T in keyof ExtraOrderEvents]: AnyOrderData & ExtraOrderEvents[T] };
/** The `data` of every product event that this program knows, as published. */
export type AllProductEvents = ProductEvents & {
  [T in keyof ExtraProductEvents]: AnyProductData & ExtraProductEvents[T];
};
/** The `data` of one type of event, as received: order events then always have their `order_id`. */
export type EventData<T extends keyof (AllOrderEvents & AllProductEvents)> = (AllOrderEvents & AllProductEvents)[T] &
  (T extends keyof AllOrderEvents ? { order_id: string } : unknown);
