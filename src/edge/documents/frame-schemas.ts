import * as z from "zod";
import { clientMessage } from "../../protocol/client-messages.ts";
import { CLOSE_NAMES, type CloseCode } from "../../protocol/close-rules.ts";
import { EVENTS, type EventType, eventTypesOf } from "../../protocol/events.ts";
import type {
  AckRequestFrame,
  ClosingFrame,
  OrderEstablishedFrame,
  PositionFrame,
  ProductsEstablishedFrame,
  TokenExpiringFrame,
} from "../../protocol/frames.ts";

/** Schemas of the sockets' frames and messages, by name. */

/** Returns the schema name of an event type's frame. */
export const frameName = (type: EventType) => `${type}_frame`;

const moment = z.iso.datetime().describe("ISO 8601, UTC, with milliseconds.");

/** A position in a channel. */
export const position = {
  epoch: z.string().describe("Identifies the log that `seq` counts in. Changes when the log is reset."),
  seq: z.int().min(0).describe("The last event's `seq`; 0 if there was none."),
};

const resumed = z
  .boolean()
  .nullable()
  .describe("Whether every event since the requested position follows; null when none was requested.");

const orderEstablished = z.object({
  type: z.literal("connection_established"),
  data: z.object({
    order_id: z.uuid(),
    current_status: z.string().nullable(),
    payment_status: z.string().nullable(),
    channel: z.string().describe("`order_<order id>`"),
    ...position,
    resumed,
  }),
  ts: moment,
}) satisfies z.ZodType<OrderEstablishedFrame>;

const productsEstablished = z.object({
  type: z.literal("connection_established"),
  data: z.object({ channel: z.literal("products"), ...position, resumed }),
  ts: moment,
}) satisfies z.ZodType<ProductsEstablishedFrame>;

const tokenExpiring = z.object({
  type: z.literal("token_expiring"),
  data: z.object({ expires_at: moment }),
}) satisfies z.ZodType<TokenExpiringFrame>;

const positionFrame = z.object({
  type: z.literal("position"),
  data: z.object({}),
  seq: z.int().min(1),
  ts: moment,
}) satisfies z.ZodType<PositionFrame>;

const ackRequest = z.object({ type: z.literal("ack_request") }) satisfies z.ZodType<AckRequestFrame>;

const closing = z.object({
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
}) satisfies z.ZodType<ClosingFrame>;

const eventFrame = (type: EventType) =>
  z.object({
    type: z.literal(type),
    data: EVENTS[type].data,
    id: z.string().describe("The event's id. No id is delivered twice."),
    seq: z.int().min(1).describe("1, 2, 3 … within the channel and epoch."),
    ts: moment,
  });

const [subscribe, unsubscribe, authenticate, ack] = clientMessage.options;

/** Several frames in one message, oldest first: for `tidings.v1` clients only. */
const framesOf = (frames: Record<string, z.ZodType>) => z.array(z.union(Object.values(frames))).min(1);

const eventFrames = (types: EventType[]) =>
  Object.fromEntries(types.map((type) => [frameName(type), eventFrame(type)] as const));
const orderFrames = eventFrames(eventTypesOf("order"));
const productsFrames = eventFrames(eventTypesOf("products"));

/** Every schema of the AsyncAPI document. */
export const FRAME_SCHEMAS: Record<string, z.ZodType> = {
  ...Object.fromEntries(Object.entries(EVENTS).map(([type, { data }]) => [`${type}_data`, data])),
  ...orderFrames,
  ...productsFrames,
  order_established: orderEstablished,
  products_established: productsEstablished,
  order_frames: framesOf({ order_established: orderEstablished, ...orderFrames }),
  products_frames: framesOf({ products_established: productsEstablished, ...productsFrames }),
  token_expiring: tokenExpiring,
  subscribe,
  unsubscribe,
  authenticate,
  position: positionFrame,
  ack_request: ackRequest,
  closing,
  ack,
};
