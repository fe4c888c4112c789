import * as z from "zod";
import type { OrderEvents, OrderEventType, ProductEvents, ProductEventType } from "./event-data.ts";
import { sentId } from "./ids.ts";
import { type ChannelKind, MAX_PRODUCT_ID_LENGTH, MAX_STATUS_LENGTH } from "./names.ts";
import { safeLength } from "./safe-length.ts";
import { isTimestamp, TIMESTAMP_PATTERN, TIMESTAMP_RULE } from "./timestamp.ts";

/**
 * The events that every service knows: each with its schema, summary and example. Validation, documents and the manual's
 * tables come from here. `catalogue.ts` adds the shop's own.
 *
 * Schemas are loose: fields they do not name pass through unchanged.
 */

export const status = safeLength(z.string().min(1).max(MAX_STATUS_LENGTH));
export const timestamp = z.string().refine(isTimestamp, TIMESTAMP_RULE).meta({
  pattern: TIMESTAMP_PATTERN,
  description: "RFC 3339, or a form that is close to it ([all forms](/docs/protocol#fields-and-timestamps)).",
});
const quantity = z.int().min(0);
const price = z.number().min(0);

/** Optional fields may be null: serialisers in Java and .NET write unset fields that way. */
export const orderData = { order_id: z.string().nullish(), timestamp: timestamp.nullish() };
export const productData = {
  product_id: sentId(MAX_PRODUCT_ID_LENGTH),
  sku: safeLength(z.string().max(128)).nullish(),
  timestamp: timestamp.nullish(),
};

export const EXAMPLE_ORDER = "123e4567-e89b-12d3-a456-426614174000";
export const EXAMPLE_TIME = "2026-11-22T10:15:30.123456";

export const EVENTS = {
  order_created: {
    channel: "order",
    summary: "The order was placed. Publish it with `order` to register its owner and state.",
    data: z.looseObject(orderData),
    example: { order_id: EXAMPLE_ORDER, total: 59.9, currency: "EUR", timestamp: EXAMPLE_TIME },
  },
  order_status_changed: {
    channel: "order",
    summary: "The order's status changed.",
    data: z.looseObject({ ...orderData, old_status: status.nullish(), new_status: status }),
    example: { order_id: EXAMPLE_ORDER, old_status: "pending", new_status: "processing", timestamp: EXAMPLE_TIME },
  },
  payment_status_changed: {
    channel: "order",
    summary: "The order's payment status changed.",
    data: z.looseObject({ ...orderData, old_status: status.nullish(), new_status: status }),
    example: { order_id: EXAMPLE_ORDER, old_status: "pending", new_status: "paid", timestamp: EXAMPLE_TIME },
  },
  order_shipped: {
    channel: "order",
    summary: "The order was shipped; its status becomes `shipped`.",
    data: z.looseObject({
      ...orderData,
      tracking_number: safeLength(z.string().max(256)).nullish(),
      carrier: safeLength(z.string().max(256)).nullish(),
    }),
    example: {
      order_id: EXAMPLE_ORDER,
      tracking_number: "1Z999AA10123456784",
      carrier: "UPS",
      timestamp: EXAMPLE_TIME,
    },
  },
  order_delivered: {
    channel: "order",
    summary: "The order was delivered; its status becomes `delivered`.",
    data: z.looseObject(orderData),
    example: { order_id: EXAMPLE_ORDER, timestamp: EXAMPLE_TIME },
  },
  order_cancelled: {
    channel: "order",
    summary: "The order was cancelled; its status becomes `cancelled`.",
    data: z.looseObject({ ...orderData, reason: z.string().nullish() }),
    example: { order_id: EXAMPLE_ORDER, reason: "Out of stock", timestamp: EXAMPLE_TIME },
  },
  product_created: {
    channel: "products",
    summary: "A product was added.",
    data: z.looseObject({ ...productData, name: z.string().nullish() }),
    example: { product_id: "p-42", sku: "MUG-BLUE", name: "Blue mug", timestamp: EXAMPLE_TIME },
  },
  product_updated: {
    channel: "products",
    summary: "A product's details changed.",
    data: z.looseObject({ ...productData, name: z.string().nullish() }),
    example: { product_id: "p-42", sku: "MUG-BLUE", name: "Blue mug, 300 ml", timestamp: EXAMPLE_TIME },
  },
  product_deleted: {
    channel: "products",
    summary: "A product was removed.",
    data: z.looseObject(productData),
    example: { product_id: "p-42", sku: "MUG-BLUE", timestamp: EXAMPLE_TIME },
  },
  inventory_updated: {
    channel: "products",
    summary: "A product's stock level changed.",
    data: z.looseObject({ ...productData, old_quantity: quantity.nullish(), new_quantity: quantity }),
    example: { product_id: "p-42", sku: "MUG-BLUE", old_quantity: 10, new_quantity: 5, timestamp: EXAMPLE_TIME },
  },
  price_updated: {
    channel: "products",
    summary: "A product's price changed.",
    data: z.looseObject({ ...productData, old_price: price.nullish(), new_price: price }),
    example: { product_id: "p-42", sku: "MUG-BLUE", old_price: 12.5, new_price: 9.99, timestamp: EXAMPLE_TIME },
  },
  product_status_changed: {
    channel: "products",
    summary: "A product's status changed.",
    data: z.looseObject({ ...productData, old_status: status.nullish(), new_status: status }),
    example: {
      product_id: "p-42",
      sku: "MUG-BLUE",
      old_status: "active",
      new_status: "discontinued",
      timestamp: EXAMPLE_TIME,
    },
  },
} as const satisfies Definitions;

/** The definition of an event type. */
export interface EventDefinition<Kind extends ChannelKind = ChannelKind, Data = unknown> {
  /** The kind of channel that carries it. */
  channel: Kind;
  /** One or two sentences, Markdown. */
  summary: string;
  data: z.ZodObject & z.ZodType<Data>;
  /** A `data` object that the schema accepts. */
  example: Record<string, unknown>;
  /** Whether `data.new_status` becomes the order's status. Only for the shop's own types: others have their own rules. */
  changesStatus?: boolean;
}

/** Every event of `event-data.ts`, with a schema of exactly that data. */
type Definitions = { [T in OrderEventType]: EventDefinition<"order", OrderEvents[T]> } & {
  [T in ProductEventType]: EventDefinition<"products", ProductEvents[T]>;
};
