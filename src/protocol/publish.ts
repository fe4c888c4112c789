import * as z from "zod";
import { EVENTS, type EventType, eventTypesOf, isEventType } from "./events.ts";
import { type ChannelName, isEventId, MAX_EVENT_ID_LENGTH, parseChannelName, parseOrderId } from "./names.ts";
import type { OrderPut, OrderRegistration } from "./publish-call.ts";
import type { FieldError } from "./refusals.ts";
import { type StatusChange, statusChangeOf } from "./status-change.ts";

/** What a service may publish, and the one door through which every event comes in, whichever way it came. */

export * from "./publish-call.ts";
export const MAX_JSON_DEPTH = 32;

export const orderRegistration = z.strictObject({
  user_id: z.string().min(1).max(256),
  status: z.string().min(1).max(64),
  payment_status: z.string().min(1).max(64),
}) satisfies z.ZodType<OrderRegistration>;

const version = z.int().min(0);

export const orderPut = orderRegistration.extend({ version: version.optional() }) satisfies z.ZodType<OrderPut>;

/** The body of a publish, whichever type of event it has; what its `data` must be is the catalogue's matter. */
export const publishRequest = z.strictObject({
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  id: z
    .string()
    .refine(isEventId, `must be 1 to ${MAX_EVENT_ID_LENGTH} visible ASCII characters`)
    .meta({ pattern: `^[!-~]{1,${MAX_EVENT_ID_LENGTH}}$` })
    .optional(),
  version: version.optional(),
  order: orderRegistration.optional(),
});

/** An event that passed the door: a channel object stores and sends it without looking at it again. */
export interface AcceptedEvent {
  channel: ChannelName;
  id: string;
  type: EventType;
  /** JSON text, an object. */
  data: string;
  version: number | null;
  /** `version` and `order` as JSON text, null when there is neither: with `type` and `data`, what a repeated id is compared by. */
  request: string | null;
  /** Set on product events. */
  productId: string | null;
  /** Set when the publish registers its order, too. */
  order: OrderRegistration | null;
  statusChange: StatusChange;
  /** When it came to the door, or to the stream, in milliseconds since 1970. */
  acceptedAt: number;
}

/** Which way events came in, for what is counted and logged. */
export interface Source {
  via: "http" | "redis";
  /** The name of the publish key; empty when they came through Redis. */
  key: string;
}

export type Checked<T> = { ok: true; value: T } | { ok: false; errors: FieldError[] };

/**
 * Checks one event, from the HTTP door or any other.
 * @param body The parsed JSON: `{type, data, id?, version?, order?}`.
 * @param channel Where it is to go, in its one spelling (see `parseChannelName`).
 * @param fallbackId Its id when the body brings none.
 * @param acceptedAt Milliseconds since 1970.
 * @returns The event, or every bad field by name.
 */
export function checkEvent(
  body: unknown,
  channel: ChannelName,
  fallbackId: string,
  acceptedAt: number,
): Checked<AcceptedEvent> {
  const parsed = check(publishRequest, body);
  const errors: FieldError[] = parsed.ok ? [] : parsed.errors;
  const orderId = parseChannelName(channel)?.orderId ?? null;
  const kind = orderId === null ? "products" : "order";

  // The type and data are judged even when another field is bad, so that one answer names everything.
  const { type, data, order } = isRecord(body) ? body : {};
  if (typeof type === "string" && !(isEventType(type) && EVENTS[type].channel === kind)) {
    errors.push({ field: "type", message: `must be one of ${eventTypesOf(kind).join(", ")}` });
  }
  if (kind === "products" && order !== undefined) {
    errors.push({ field: "order", message: "is for order channels only" });
  }
  if (!isRecord(data)) return { ok: false, errors };

  const unsafe = findUnsafe(data, "data");
  if (unsafe) return { ok: false, errors: [...errors, unsafe] };
  if (isEventType(type)) {
    const checked = check(EVENTS[type].data, data, "data");
    if (!checked.ok) errors.push(...checked.errors);
  }
  if (orderId !== null && typeof data.order_id === "string" && parseOrderId(data.order_id) !== orderId) {
    errors.push({ field: "data.order_id", message: "must be the channel's own order id" });
  }
  if (!parsed.ok || errors.length > 0 || !isEventType(type)) return { ok: false, errors };

  const { version = null, order: registration = null } = parsed.value;
  return {
    ok: true,
    value: {
      channel,
      id: parsed.value.id ?? fallbackId,
      type,
      data: JSON.stringify(orderId === null ? data : { ...data, order_id: orderId }),
      version,
      request: version === null && registration === null ? null : JSON.stringify({ version, order: registration }),
      productId: orderId === null ? String(data.product_id) : null,
      order: registration,
      statusChange: statusChangeOf(type, data),
      acceptedAt,
    },
  };
}

/** Checks a value by a schema and names every bad field, below `prefix` when it is given. */
export function check<T>(schema: z.ZodType<T>, value: unknown, prefix = ""): Checked<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const errors = result.error.issues.flatMap((issue): FieldError[] => {
    const field = fieldName([...(prefix ? [prefix] : []), ...issue.path]);
    if (issue.code !== "unrecognized_keys") return [{ field, message: issue.message }];
    return issue.keys.map((key) => ({
      field: field === "body" ? key : `${field}.${key}`,
      message: "is not known here",
    }));
  });
  return { ok: false, errors };
}

function fieldName(path: PropertyKey[]): string {
  if (path.length === 0) return "body";
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What JSON can say but no listener could read as it was meant: keys that reach an object's prototype in careless
 * code, numbers that JavaScript would silently change, and nesting that exhausts a parser's stack.
 */
function findUnsafe(value: unknown, field: string, depth = 1): FieldError | null {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return { field, message: "is too large a number" };
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return { field, message: "is an integer beyond 2^53, which JavaScript would change: send it as a string" };
    }
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  if (depth > MAX_JSON_DEPTH) return { field, message: `is nested deeper than ${MAX_JSON_DEPTH} levels` };
  for (const [key, item] of Object.entries(value)) {
    const name = Array.isArray(value) ? `${field}[${key}]` : `${field}.${key}`;
    if (key === "__proto__" || key === "constructor" || key === "prototype") {
      return { field: name, message: "is not an allowed key" };
    }
    const found = findUnsafe(item, name, depth + 1);
    if (found) return found;
  }
  return null;
}
