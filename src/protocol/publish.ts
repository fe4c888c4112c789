import * as z from "zod";
import { type Catalogue, typesOf } from "./catalogue.ts";
import { type EventDefinition, status, timestamp } from "./events.ts";
import { isFrameTooLarge } from "./frames.ts";
import { idText } from "./ids.ts";
import { isRecord } from "./json.ts";
import {
  type ChannelName,
  EVENT_ID_PATTERN,
  EVENT_ID_RULE,
  isEventId,
  MAX_USER_ID_LENGTH,
  parseChannelName,
  parseOrderId,
} from "./names.ts";
import { MAX_EVENT_BYTES, type OrderRegistration } from "./publish-call.ts";
import type { FieldError } from "./refusals.ts";
import { type StatusChange, statusChangeOf } from "./status-change.ts";
import { check, findUnsafeValue } from "./validation.ts";

/** The publish request, and the validation of every event, whether it arrives over HTTP or Redis. */

export * from "./publish-call.ts";

/** The owner and state of an order: `order` in a publish. */
export const orderRegistration = z.strictObject({
  user_id: idText(MAX_USER_ID_LENGTH).describe("The owner, who may listen."),
  status,
  payment_status: status,
}) satisfies z.ZodType<OrderRegistration>;

const version = z.int().min(0);

/** The body of `PUT /api/v1/orders/{order_id}`. A version that is not newer than the last one applied changes nothing. */
export const orderPut = orderRegistration.extend({
  version: version.optional().describe("Unless it is higher than the last one applied, nothing changes."),
});

/**
 * The body of a publish. The catalogue (`events.ts`) defines `data` for each type. `id` and `version` may be absent but
 * not null: a publisher that has lost one would silently lose its protection.
 */
export const publishRequest = z.strictObject({
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  id: z
    .string()
    .refine(isEventId, EVENT_ID_RULE)
    .meta({ pattern: EVENT_ID_PATTERN, description: "Makes the publish safe to repeat. Generated if absent." })
    .optional(),
  version: version
    .optional()
    .meta({ description: "An event whose version is not above the last one applied is `stale`." }),
  order: orderRegistration.nullish().meta({ description: "Registers or corrects the order." }),
  timestamp: timestamp.nullish().meta({
    description: "When the event occurred, as Standard Webhooks has it. Becomes `data.timestamp` if `data` has none.",
  }),
});

/** A validated event, which channel objects store and send without further checks. */
export interface AcceptedEvent {
  channel: ChannelName;
  id: string;
  type: string;
  /** JSON text, an object. */
  data: string;
  version: number | null;
  /**
   * `version` and `order` as JSON text, or null without either. With `type` and `data`, it distinguishes a repeated
   * publish from another event with the same id.
   */
  request: string | null;
  /** Set for product events. */
  productId: string | null;
  /** Set when the publish also registers its order. */
  order: OrderRegistration | null;
  statusChange: StatusChange;
  /** The order status set by an event of a declared type, which is part of its frame; null for any other event. */
  status: string | null;
  /** When the event arrived over HTTP or in the stream, in milliseconds since 1970. */
  acceptedAt: number;
}

/** Where events come from, for counters and the log. */
export interface Source {
  via: "http" | "redis";
  /** The publish key's name; empty for Redis. */
  key: string;
}

export type CheckedEvent =
  | { ok: true; value: AcceptedEvent }
  | { ok: false; reason: "validation_failed" | "body_too_large"; errors: FieldError[] };

/**
 * Validates one event.
 * @param catalogue The event types that the service accepts.
 * @param body Parsed JSON: `{type, data, id?, version?, order?, timestamp?}`.
 * @param channel The channel's canonical name (see `parseChannelName`).
 * @param fallbackId The event's id if the body has none.
 * @param acceptedAt In milliseconds since 1970.
 * @returns The event, or every bad field by name.
 */
export function checkEvent(
  catalogue: Catalogue,
  body: unknown,
  channel: ChannelName,
  fallbackId: string,
  acceptedAt: number,
): CheckedEvent {
  const parsed = check(publishRequest, body);
  const errors: FieldError[] = parsed.ok ? [] : parsed.errors;
  const orderId = parseChannelName(channel)?.orderId ?? null;
  const kind = orderId === null ? "products" : "order";

  // The type and data are checked even when another field is bad, so that one answer names every bad field.
  const { type, data, order } = isRecord(body) ? body : {};
  const definition = typeof type === "string" ? catalogue.get(type) : undefined;
  if (typeof type === "string" && definition?.channel !== kind) {
    const message = `must be one of ${typesOf(catalogue, kind).join(", ")}; the setting EXTRA_EVENTS declares others`;
    errors.push({ field: "type", message });
  }
  if (kind === "products" && (order ?? null) !== null) {
    errors.push({ field: "order", message: "is for order channels only" });
  }
  if (!isRecord(data)) return invalidEvent(errors);

  const unsafe = findUnsafeValue(data, "data");
  if (unsafe) return invalidEvent([...errors, unsafe]);
  if (definition) {
    const checked = check(definition.data, data, "data");
    if (!checked.ok) errors.push(...checked.errors);
  }
  if (orderId !== null && typeof data.order_id === "string" && parseOrderId(data.order_id) !== orderId) {
    errors.push({ field: "data.order_id", message: "must be the channel's own order id" });
  }
  if (!parsed.ok || errors.length > 0) return invalidEvent(errors);

  const event = acceptedEvent(parsed.value, { channel, orderId, fallbackId, acceptedAt }, definition);
  if (!isFrameTooLarge(event)) return { ok: true, value: event };
  const message = `makes an event of more than ${MAX_EVENT_BYTES} bytes as it is sent`;
  return { ok: false, reason: "body_too_large", errors: [{ field: "data", message }] };
}

interface Arrival {
  channel: ChannelName;
  orderId: string | null;
  fallbackId: string;
  acceptedAt: number;
}

/** Returns the event of a valid request. */
function acceptedEvent(
  request: z.infer<typeof publishRequest>,
  { channel, orderId, fallbackId, acceptedAt }: Arrival,
  definition: EventDefinition | undefined,
): AcceptedEvent {
  const { type, data, id = fallbackId, version = null, timestamp: occurredAt } = request;
  const order = request.order ?? null;
  const status = definition?.changesStatus && data.new_status ? String(data.new_status) : null;
  return {
    channel,
    id,
    type,
    data: JSON.stringify({
      ...data,
      ...(orderId !== null && { order_id: orderId }),
      ...(occurredAt && !data.timestamp && { timestamp: occurredAt }),
    }),
    version,
    request: version === null && order === null ? null : JSON.stringify({ version, order }),
    productId: orderId === null ? String(data.product_id) : null,
    order,
    statusChange: statusChangeOf({ type, data, status }),
    status,
    acceptedAt,
  };
}

const invalidEvent = (errors: FieldError[]): CheckedEvent => ({ ok: false, reason: "validation_failed", errors });
