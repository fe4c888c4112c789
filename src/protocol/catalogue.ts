import * as z from "zod";
import { clientMessage } from "./client-messages.ts";
import { EVENTS, type EventDefinition, EXAMPLE_ORDER, EXAMPLE_TIME, orderData, productData, status } from "./events.ts";
import { FRAME_TYPES, PING, PONG } from "./frames.ts";
import type { ChannelKind } from "./names.ts";

/**
 * The catalogue of one service: every event type that it accepts. These are `EVENTS`, and those that the shop declares
 * in `EXTRA_EVENTS`.
 */
export type Catalogue = ReadonlyMap<string, EventDefinition>;

/** An event type that the shop declares. */
export interface ExtraEvent {
  channel: ChannelKind;
  type: string;
  /** Whether `data.new_status` becomes the order's status. */
  changesStatus: boolean;
}

/** Each type becomes time series of the metrics, so their number is bounded. */
export const MAX_EXTRA_EVENTS = 100;
/** Types are written into frames unescaped, and into metrics. */
const EXTRA_TYPE = /^[a-z][a-z0-9_]{0,63}$/;

/** Types of frames and messages. Clients would mistake an event of such a type for one of those. */
const RESERVED: ReadonlySet<string> = new Set([
  ...FRAME_TYPES,
  ...clientMessage.options.map(({ shape }) => shape.type.value),
  PING,
  PONG,
]);

/** Returns what is wrong with the type of an extra event, or null. */
export function faultOfExtraType(type: string): string | null {
  if (!EXTRA_TYPE.test(type)) return `does not match ${EXTRA_TYPE.source}`;
  if (RESERVED.has(type)) return "is reserved for a frame or message of the protocol";
  if (Object.hasOwn(EVENTS, type)) return "is already in the catalogue";
  return null;
}

/** Returns the catalogue of a service. @param extra Valid events, each type once. */
export function catalogueWith(extra: readonly ExtraEvent[]): Catalogue {
  return new Map<string, EventDefinition>([
    ...Object.entries(EVENTS),
    ...extra.map((event) => [event.type, definitionOf(event)] as const),
  ]);
}

const definitionOf = ({ channel, changesStatus }: ExtraEvent) =>
  channel === "products" ? PRODUCT_EVENT : changesStatus ? STATUS_EVENT : ORDER_EVENT;

const PRODUCT_EVENT: EventDefinition = {
  channel: "products",
  summary: "An event of this shop about a product.",
  data: z.looseObject(productData),
  example: { product_id: "p-42", sku: "MUG-BLUE", timestamp: EXAMPLE_TIME },
};

const ORDER_EVENT: EventDefinition = {
  channel: "order",
  summary: "An event of this shop about an order.",
  data: z.looseObject(orderData),
  example: { order_id: EXAMPLE_ORDER, timestamp: EXAMPLE_TIME },
};

const STATUS_EVENT: EventDefinition = {
  channel: "order",
  summary: "An event of this shop about an order; `new_status` becomes the order's status.",
  data: z.looseObject({ ...orderData, new_status: status.nullish() }),
  example: { ...ORDER_EVENT.example, new_status: "refunded" },
  changesStatus: true,
};

/** Returns the types that a kind of channel carries, in the catalogue's order. */
export function typesOf(catalogue: Catalogue, kind: ChannelKind): string[] {
  return [...catalogue].flatMap(([type, { channel }]) => (channel === kind ? [type] : []));
}
