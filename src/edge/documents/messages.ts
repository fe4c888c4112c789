import * as z from "zod";
import type { Catalogue } from "../../protocol/catalogue.ts";
import { clientMessage } from "../../protocol/client-messages.ts";
import { CLOSE_NAMES, type CloseCode } from "../../protocol/close-rules.ts";
import { EVENTS, type EventDefinition, EXAMPLE_ORDER } from "../../protocol/events.ts";
import {
  type AckRequestFrame,
  type ClosingFrame,
  type OrderEstablishedFrame,
  PING,
  PONG,
  type ProductsEstablishedFrame,
  SUBPROTOCOL,
  type TokenExpiringFrame,
} from "../../protocol/frames.ts";
import { CHANNEL_KINDS, type ChannelKind, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { EXAMPLE_CHANNEL, EXAMPLE_EPOCH, EXAMPLE_EVENT_ID, EXAMPLE_TS } from "./examples.ts";
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

/** What the last `order_shipped` said. */
export const shipment = {
  tracking_number: z.string().nullable().describe("As the last `order_shipped` said."),
  carrier: z.string().nullable(),
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

const exampleFrame = (type: string, { example, changesStatus }: EventDefinition, seq = 8): JsonObject => ({
  type,
  // The catalogue's examples are JSON.
  data: example as JsonObject,
  id: EXAMPLE_EVENT_ID,
  seq,
  ts: EXAMPLE_TS,
  ...(changesStatus && { status: String(example.new_status) }),
});

const establishedExample = (data: JsonObject) => ({ type: "connection_established", data, ts: EXAMPLE_TS });

const [subscribe, unsubscribe, authenticate, ack, jsonPing] = clientMessage.options;

/** @param schema Must produce the frame's type, if one is given. */
const fromService = <Frame = unknown>(
  channels: DocumentedMessage["channels"],
  summary: string,
  schema: z.ZodType<Frame>,
  example: Json,
): DocumentedMessage => ({ summary, schema, example, sender: "service", channels });

const fromClient = (...message: Parameters<typeof fromService>): DocumentedMessage => ({
  ...fromService(...message),
  sender: "client",
});

const ONLY_V1 = `Only with \`${SUBPROTOCOL}\`.`;

/** The messages besides events and arrays of frames. */
const MESSAGES = {
  // Event types have no dot, so no event can replace one of these.
  "order.established": fromService(
    ["order"],
    "The first frame: the order's state at exactly `seq`.",
    orderEstablished,
    establishedExample({
      ...{ order_id: EXAMPLE_ORDER, current_status: "processing", payment_status: "paid" },
      ...{
        tracking_number: null,
        carrier: null,
        channel: EXAMPLE_CHANNEL,
        epoch: EXAMPLE_EPOCH,
        seq: 7,
        resumed: null,
      },
    }),
  ),
  "products.established": fromService(
    ["products"],
    "The first frame: the channel's current position.",
    productsEstablished,
    establishedExample({ channel: PRODUCTS_CHANNEL, epoch: EXAMPLE_EPOCH, seq: 7, resumed: true }),
  ),
  token_expiring: fromService<TokenExpiringFrame>(
    CHANNEL_KINDS,
    `The token expires in 30 to 90 seconds: send \`authenticate\` with a fresh one. ${ONLY_V1}`,
    z.object({ type: z.literal("token_expiring"), data: z.object({ expires_at: moment }) }),
    { type: "token_expiring", data: { expires_at: EXAMPLE_TS } },
  ),
  ack_request: fromService<AckRequestFrame>(
    CHANNEL_KINDS,
    `Asks the client to acknowledge what it has received. ${ONLY_V1}`,
    z.object({ type: z.literal("ack_request"), seq: z.int().min(0), nonce: z.string() }),
    { type: "ack_request", seq: 8, nonce: EXAMPLE_EVENT_ID },
  ),
  closing: fromService<ClosingFrame>(
    CHANNEL_KINDS,
    `The service closes this socket: the code and reason that follow, and when to reconnect. Browsers may report the close itself seconds later. ${ONLY_V1}`,
    z.object({
      type: z.literal("closing"),
      data: z.object({
        code: z.literal(Object.keys(CLOSE_NAMES).map(Number) as CloseCode[]).describe("The close code that follows."),
        reason: z.string().describe("The close reason that follows."),
        retry_after_ms: z
          .int()
          .min(0)
          .nullable()
          .describe("How long to wait before reconnecting, in milliseconds; null when the close is final."),
      }),
    }),
    { type: "closing", data: { code: 4200, reason: "Going away", retry_after_ms: 1320 } },
  ),
  pong: fromService(CHANNEL_KINDS, "The answer to `ping`.", z.literal(PONG), PONG),
  keepalive: fromService(
    CHANNEL_KINDS,
    "Keeps the connection of a client that never pings from being dropped as idle (`PLAIN_KEEPALIVE_SECONDS`). Ignore it.",
    z.object({ type: z.literal("keepalive"), data: z.object({}) }),
    { type: "keepalive", data: {} },
  ),
  "pong.json": fromService(CHANNEL_KINDS, "The answer to a `ping` in JSON.", z.object({ type: z.literal("pong") }), {
    type: "pong",
  }),
  subscribe: fromClient(
    ["products"],
    "Adds products to the filter. A client without a filter receives only these products from then on.",
    subscribe,
    { type: "subscribe", product_ids: ["p-42"] },
  ),
  unsubscribe: fromClient(["products"], "Removes products from the filter.", unsubscribe, {
    type: "unsubscribe",
    product_ids: ["p-42"],
  }),
  authenticate: fromClient(
    CHANNEL_KINDS,
    "A fresh token of the same user: keeps the connection open beyond the first token's expiry.",
    authenticate,
    { type: "authenticate", token: "<jwt>" },
  ),
  ack: fromClient(
    CHANNEL_KINDS,
    "Answers `ack_request` with its fields. A client that never answers is closed with 4108 once too much is unacknowledged. Without the `nonce`, which only a client that reads can know, it may be sent as much as a client without the subprotocol.",
    ack,
    { type: "ack", seq: 8, nonce: EXAMPLE_EVENT_ID },
  ),
  ping: fromClient(
    CHANNEL_KINDS,
    "Keep-alive. The service answers it without waking the channel.",
    z.literal(PING),
    PING,
  ),
  "ping.json": fromClient(
    CHANNEL_KINDS,
    "A keep-alive as hand-written clients send it. It wakes the channel and counts as a message.",
    jsonPing,
    { type: "ping" },
  ),
};

/** Returns every message by name. Each is named like its schema. */
export function messagesOf(catalogue: Catalogue): Record<string, DocumentedMessage> {
  const events = [...catalogue].map(([type, definition]) => {
    const { channel, summary } = definition;
    const message = fromService([channel], summary, eventFrame(type, definition), exampleFrame(type, definition));
    return [type, message] as const;
  });
  const arrayOf = (kind: ChannelKind, first: z.ZodType, example: Json): DocumentedMessage => {
    const frames = events.flatMap(([, { channels, schema }]) => (channels.includes(kind) ? [schema] : []));
    return fromService(
      [kind],
      `Several frames in one message, oldest first. ${ONLY_V1}`,
      z.array(z.union([first, ...frames])).min(1),
      example,
    );
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

/** Returns the schema of each event's `data`, by name. Types contain no dot, so no other schema has these names. */
export const dataSchemas = (catalogue: Catalogue) =>
  Object.fromEntries([...catalogue].map(([type, { data }]) => [`${type}.data`, { schema: data }]));
