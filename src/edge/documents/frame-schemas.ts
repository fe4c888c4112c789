import * as z from "zod";
import { type Catalogue, typesOf } from "../../protocol/catalogue.ts";
import { clientMessage } from "../../protocol/client-messages.ts";
import { CLOSE_NAMES, type CloseCode } from "../../protocol/close-rules.ts";
import type { EventDefinition } from "../../protocol/events.ts";
import type {
  AckRequestFrame,
  ClosingFrame,
  OrderEstablishedFrame,
  ProductsEstablishedFrame,
  TokenExpiringFrame,
} from "../../protocol/frames.ts";
import type { ChannelKind } from "../../protocol/names.ts";

/** Schemas of the sockets' frames and messages, by name. */

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
    tracking_number: z.string().nullable().describe("As the last `order_shipped` said."),
    carrier: z.string().nullable(),
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

const ackRequest = z.object({
  type: z.literal("ack_request"),
  seq: z.int().min(0),
  nonce: z.string(),
}) satisfies z.ZodType<AckRequestFrame>;

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

const eventFrame = (type: string, { data, changesStatus }: EventDefinition) =>
  z.object({
    type: z.literal(type),
    data,
    id: z.string().describe("The event's id. No id is delivered twice."),
    seq: z.int().min(1).describe("1, 2, 3 … within the channel and epoch."),
    ts: moment,
    ...(changesStatus && { status: z.string().exactOptional().describe("The order's status after this event.") }),
  });

const [subscribe, unsubscribe, authenticate, ack] = clientMessage.options;

/** Several frames in one message, oldest first: for `tidings.v1` clients only. */
const framesOf = (frames: z.ZodType[]) => z.array(z.union(frames)).min(1);

/** Returns the schema names of an event type's `data` and frame. Types contain no dot, so no other schema has these. */
export const dataName = (type: string) => `${type}.data`;
export const frameName = (type: string) => `${type}.frame`;

/** Returns the schema of each type's `data`, by name. */
export const dataSchemas = (catalogue: Catalogue) =>
  Object.fromEntries([...catalogue].map(([type, { data }]) => [dataName(type), data]));

/** Returns every schema of the AsyncAPI document. */
export function frameSchemas(catalogue: Catalogue): Record<string, z.ZodType> {
  const frames = new Map([...catalogue].map(([type, definition]) => [type, eventFrame(type, definition)]));
  const framesOfKind = (kind: ChannelKind) => typesOf(catalogue, kind).flatMap((type) => frames.get(type) ?? []);
  return {
    ...dataSchemas(catalogue),
    ...Object.fromEntries([...frames].map(([type, frame]) => [frameName(type), frame])),
    ...FIXED_SCHEMAS,
    "order.frames": framesOf([orderEstablished, ...framesOfKind("order")]),
    "products.frames": framesOf([productsEstablished, ...framesOfKind("products")]),
  };
}

/** The frames and messages that are no events. */
const FIXED_SCHEMAS = {
  "order.established": orderEstablished,
  "products.established": productsEstablished,
  token_expiring: tokenExpiring,
  subscribe,
  unsubscribe,
  authenticate,
  ack_request: ackRequest,
  closing,
  ack,
};
