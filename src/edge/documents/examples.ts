import { EVENTS, type EventDefinition, type EventType, EXAMPLE_ORDER } from "../../protocol/events.ts";
import { orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { problem } from "../../protocol/refusals.ts";
import type { JsonObject } from "./json-schema.ts";

/** Examples of calls and frames. Tests check each against its schema. */

const EXAMPLE_CHANNEL = orderChannelName(EXAMPLE_ORDER);
const EXAMPLE_EVENT_ID = "5b0d9f4e-7c1a-4f0b-9a52-3a6a0c1f2d3e";
const EXAMPLE_EPOCH = "5f0c2b1e";
const EXAMPLE_TS = "2026-11-22T10:16:02.511Z";

const registration = { user_id: "alice", status: "processing", payment_status: "paid" };
const published = { id: EXAMPLE_EVENT_ID, channel: EXAMPLE_CHANNEL, seq: 8, status: "applied", receivers: 2 };

export const BODY_EXAMPLES = {
  published,
  queued: { id: EXAMPLE_EVENT_ID, channel: EXAMPLE_CHANNEL, status: "queued" },
  publish_batch: {
    events: [
      { channel: EXAMPLE_CHANNEL, type: "order_shipped", data: { ...EVENTS.order_shipped.example } },
      { channel: PRODUCTS_CHANNEL, type: "inventory_updated", data: { product_id: "p-42", new_quantity: -5 } },
    ],
  },
  batch_results: {
    results: [
      published,
      {
        status: "rejected",
        error: {
          ...problem("validation_failed"),
          errors: [{ field: "data.new_quantity", message: "Too small: expected number to be >=0" }],
        },
      },
    ],
  },
  order_registration: { ...registration, version: 6 },
  registered_order: { order_id: EXAMPLE_ORDER, ...registration, version: 6 },
  stale_order: { order_id: EXAMPLE_ORDER, ...registration, version: 7, stale: true },
  order_snapshot: {
    order_id: EXAMPLE_ORDER,
    ...registration,
    tracking_number: null,
    carrier: null,
    channel: EXAMPLE_CHANNEL,
    epoch: EXAMPLE_EPOCH,
    seq: 8,
  },
  ticket_request: { ttl_seconds: 86_400 },
  ticket: { token: "<jwt>", subject: `ticket:${EXAMPLE_EVENT_ID}`, expires_at: EXAMPLE_TS },
  disconnect: { channel: EXAMPLE_CHANNEL, user_id: "alice" },
  health: {
    status: "healthy",
    redis_status: "disabled",
    active_channels: ["orders", "products"],
    total_connections: 5,
    channel_details: { orders: 2, products: 3 },
  },
};

/** Returns an example of an event's frame. */
export const exampleFrame = (type: string, { example, changesStatus }: EventDefinition) => ({
  type,
  // The catalogue's examples are JSON.
  data: example as JsonObject,
  id: EXAMPLE_EVENT_ID,
  seq: 8,
  ts: EXAMPLE_TS,
  ...(changesStatus && { status: String(example.new_status) }),
});

const catalogueFrame = (type: EventType) => exampleFrame(type, EVENTS[type]);

/** Frames and messages other than events. */
export const FRAME_EXAMPLES = {
  "order.established": {
    type: "connection_established",
    data: {
      order_id: EXAMPLE_ORDER,
      current_status: "processing",
      payment_status: "paid",
      tracking_number: null,
      carrier: null,
      channel: EXAMPLE_CHANNEL,
      epoch: EXAMPLE_EPOCH,
      seq: 7,
      resumed: null,
    },
    ts: EXAMPLE_TS,
  },
  "products.established": {
    type: "connection_established",
    data: { channel: PRODUCTS_CHANNEL, epoch: EXAMPLE_EPOCH, seq: 7, resumed: true },
    ts: EXAMPLE_TS,
  },
  "order.frames": [catalogueFrame("order_status_changed"), { ...catalogueFrame("order_shipped"), seq: 9 }],
  "products.frames": [catalogueFrame("inventory_updated"), { ...catalogueFrame("price_updated"), seq: 9 }],
  token_expiring: { type: "token_expiring", data: { expires_at: EXAMPLE_TS } },
  subscribe: { type: "subscribe", product_ids: ["p-42"] },
  unsubscribe: { type: "unsubscribe", product_ids: ["p-42"] },
  ack_request: { type: "ack_request", seq: 8, nonce: EXAMPLE_EVENT_ID },
  closing: { type: "closing", data: { code: 4200, reason: "Going away", retry_after_ms: 1320 } },
  ack: { type: "ack", seq: 8, nonce: EXAMPLE_EVENT_ID },
  authenticate: { type: "authenticate", token: "<jwt>" },
};
