import * as z from "zod";
import type { Catalogue } from "../../protocol/catalogue.ts";
import { clientMessage } from "../../protocol/client-messages.ts";
import { ALL_CLOSE_CODES } from "../../protocol/close-codes.ts";
import { EVENTS, type EventDefinition, timestamp } from "../../protocol/events.ts";
import {
  type AckRequestFrame,
  type ClosingFrame,
  type OrderEstablishedFrame,
  PING,
  PONG,
  type ProductsEstablishedFrame,
  SUBPROTOCOL,
  type SubscribedFrame,
  type TokenExpiringFrame,
} from "../../protocol/frames.ts";
import { CHANNEL_KINDS, type ChannelKind } from "../../protocol/names.ts";
import { schemaExample } from "./examples.ts";
import type { Json, JsonObject } from "./json-schema.ts";

/** Every message on the sockets: events, other frames, and what clients send. */

export interface DocumentedMessage {
  summary: string;
  schema: z.ZodType;
  /** Text for a message that is not JSON. */
  example: Json;
  sender: "service" | "client";
  channels: readonly ChannelKind[];
}

/** A time that the service writes. */
export const moment = z.string().meta({ format: "date-time", description: "ISO 8601, UTC, with milliseconds." });

/** A position in a channel. */
export const position = {
  epoch: z.string().describe("Identifies the log that `seq` counts in. Changes when the log is reset."),
  seq: z.int().min(0).describe("The last event's `seq`; 0 if there was none."),
};

const LAST_SHIPPED = "From the last `order_shipped` event that had one.";
/** Independent of each other: the tracking number and the carrier may come from different events. */
export const shipment = {
  tracking_number: z.string().nullable().describe(LAST_SHIPPED),
  carrier: z.string().nullable().describe(LAST_SHIPPED),
};

const established = <Data extends z.ZodRawShape>(data: Data) =>
  z.object({
    type: z.literal("connection_established"),
    data: z.object({
      ...data,
      ...position,
      resumed: z
        .boolean()
        .nullable()
        .describe("Whether every event since the requested position follows; null when none was requested."),
    }),
    ts: moment,
  });

const orderEstablished = established({
  order_id: z.uuid(),
  current_status: z.string().nullable(),
  payment_status: z.string().nullable(),
  ...shipment,
  channel: z.string().describe("`order_<order id>`"),
}) satisfies z.ZodType<OrderEstablishedFrame>;

const productsEstablished = established({
  channel: z.literal("products"),
}) satisfies z.ZodType<ProductsEstablishedFrame>;

const eventFrame = (type: string, { data, changesStatus }: EventDefinition) =>
  z.object({
    type: z.literal(type),
    data,
    id: z.string().describe("The event's id. No id is delivered twice."),
    seq: z.int().min(1).describe("1, 2, 3 … within the channel and epoch."),
    ts: moment,
    ...(changesStatus && { status: z.string().exactOptional().describe("The order's status after this event.") }),
  });

const exampleFrame = (type: string, definition: EventDefinition, seq = 8): Json => {
  // The catalogue's examples are JSON.
  const data = definition.example as JsonObject;
  return schemaExample(eventFrame(type, definition), { data, seq, status: String(data.new_status) });
};

const [subscribeSchema, unsubscribeSchema, authenticateSchema, ackSchema, jsonPingSchema] = clientMessage.options;

/** @param schema Must produce the frame's type, if one is given. */
const fromService = <Frame = unknown>(
  summary: string,
  schema: z.ZodType<Frame>,
  channels: DocumentedMessage["channels"] = CHANNEL_KINDS,
  example = schemaExample(schema),
): DocumentedMessage => ({ summary, schema, example, sender: "service", channels });

const fromClient = (...message: Parameters<typeof fromService>): DocumentedMessage => ({
  ...fromService(...message),
  sender: "client",
});

const ONLY_V1 = `Only with \`${SUBPROTOCOL}\`.`;

/** The messages besides events and arrays of frames. */
const MESSAGES = {
  // No event can replace one of these: event types have no dot, and the names without a dot are reserved (`RESERVED` in
  // the catalogue).
  "order.established": fromService("The first frame: the order's state at exactly `seq`.", orderEstablished, ["order"]),
  "products.established": fromService("The first frame: the channel's current position.", productsEstablished, [
    "products",
  ]),
  token_expiring: fromService<TokenExpiringFrame>(
    `The token expires in 30 to 90 seconds: send \`authenticate\` with a fresh one. ${ONLY_V1}`,
    z.object({ type: z.literal("token_expiring"), data: z.object({ expires_at: moment }) }),
  ),
  ack_request: fromService<AckRequestFrame>(
    `Asks the client to acknowledge what it has received. ${ONLY_V1}`,
    z.object({ type: z.literal("ack_request"), seq: z.int().min(0), nonce: z.string() }),
  ),
  subscribed: fromService<SubscribedFrame>(
    `Answers \`subscribe\`: every event of these products after \`seq\` will arrive. Load their state after this frame. ${ONLY_V1}`,
    z.object({
      type: z.literal("subscribed"),
      data: z.object({ product_ids: z.array(z.string()), ...position }),
    }),
    ["products"],
  ),
  closing: fromService<ClosingFrame>(
    `The service closes this socket: the code and reason that follow, and when to reconnect. Browsers may report the close itself seconds later. ${ONLY_V1}`,
    z.object({
      type: z.literal("closing"),
      data: z.object({
        code: z.literal(ALL_CLOSE_CODES).describe("The close code that follows."),
        reason: z.string().describe("The close reason that follows."),
        retry_after_ms: z
          .int()
          .min(0)
          .nullable()
          .describe("How long to wait before reconnecting, in milliseconds; null when the close is final."),
      }),
    }),
  ),
  pong: fromService("The answer to `ping`.", z.literal(PONG)),
  keepalive: fromService(
    "Keeps the connection of a client that never pings from being dropped as idle (`PLAIN_KEEPALIVE_SECONDS`). Ignore it.",
    z.object({ type: z.literal("keepalive"), data: z.object({}) }),
  ),
  "pong.json": fromService("The answer to a `ping` in JSON.", z.object({ type: z.literal("pong") })),
  subscribe: fromClient(
    "Adds products to the filter. A client without a filter receives only these products from then on.",
    subscribeSchema,
    ["products"],
  ),
  unsubscribe: fromClient("Removes products from the filter.", unsubscribeSchema, ["products"]),
  authenticate: fromClient(
    "A fresh token of the same user: keeps the connection open beyond the first token's expiry.",
    authenticateSchema,
  ),
  ack: fromClient(
    "Answers `ack_request` with its fields. A client that never answers is closed with 4108 once too much is unacknowledged. An `ack` without the `nonce` does not prove that the client reads, so the byte limits of clients without the subprotocol apply to it.",
    ackSchema,
  ),
  ping: fromClient("Keep-alive. The service answers it without waking the channel.", z.literal(PING)),
  "ping.json": fromClient(
    "A keep-alive as hand-written clients send it. It wakes the channel and counts as a message.",
    jsonPingSchema,
  ),
};

/** Returns every message by name. Each is named like its schema. */
export function messagesOf(catalogue: Catalogue): Record<string, DocumentedMessage> {
  const events = [...catalogue].map(([type, definition]) => {
    const { channel, summary } = definition;
    const message = fromService(summary, eventFrame(type, definition), [channel], exampleFrame(type, definition));
    return [type, message] as const;
  });
  const arrayOf = (kind: ChannelKind, first: z.ZodType, example: Json): DocumentedMessage => {
    const frames = events.flatMap(([, { channels, schema }]) => (channels.includes(kind) ? [schema] : []));
    const schema = z.array(z.union([first, ...frames])).min(1);
    return fromService(`Several frames in one message, oldest first. ${ONLY_V1}`, schema, [kind], example);
  };
  return {
    ...MESSAGES,
    ...Object.fromEntries(events),
    "order.frames": arrayOf("order", orderEstablished, [
      exampleFrame("order_status_changed", EVENTS.order_status_changed),
      exampleFrame("order_shipped", EVENTS.order_shipped, 9),
    ]),
    "products.frames": arrayOf("products", productsEstablished, [
      exampleFrame("inventory_updated", EVENTS.inventory_updated),
      exampleFrame("price_updated", EVENTS.price_updated, 9),
    ]),
  };
}

/**
 * Returns the schemas that are parts of others, by name: each event's `data`, and the timestamp format. Event types
 * contain no dot, so `<type>.data` never clashes with another schema's name.
 */
export const sharedSchemas = (catalogue: Catalogue): Record<string, { schema: z.ZodType }> => ({
  ...Object.fromEntries([...catalogue].map(([type, { data }]) => [`${type}.data`, { schema: data }])),
  "event.timestamp": { schema: timestamp },
});
