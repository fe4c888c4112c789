import * as z from "zod";
import type { OrderSnapshot } from "../../channels/contract.ts";
import { EVENTS, type EventType, eventTypesOf } from "../../protocol/events.ts";
import {
  MAX_BATCH_EVENTS,
  orderRegistration,
  type PublishResult,
  publishRequest,
  type Queued,
} from "../../protocol/publish.ts";
import type { Problem } from "../../protocol/refusals.ts";
import type { Health } from "../health.ts";
import { disconnectRequest } from "../routes/disconnect.ts";
import { ticketRequest } from "../routes/tickets.ts";
import { position } from "./frame-schemas.ts";

/** What goes over HTTP, as schemas. A request is described by the schema that checks it. */

const channel = z.string().describe("`order_<order id>` or `products`");

const problem = z.object({
  type: z.string().describe("`urn:tidings:problem:<reason>`: stable, made for programs."),
  title: z.string(),
  status: z.int(),
  detail: z.string().exactOptional(),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .exactOptional()
    .describe("Every bad field, when fields are what is wrong."),
}) satisfies z.ZodType<Problem>;

const published = z.object({
  id: z.string().describe("The event's id: the publisher's own, or the one made for it."),
  channel,
  seq: z.int().nullable().describe("Its position; a `duplicate` has the first one's, a `stale` event none."),
  status: z.enum(["applied", "duplicate", "stale"]),
  receivers: z.int().describe("How many sockets it was sent to."),
}) satisfies z.ZodType<Record<keyof PublishResult, unknown> & { status: PublishResult["status"] }>;

const queued = z.object({
  id: z.string(),
  channel,
  status: z.literal("queued"),
}) satisfies z.ZodType<Record<keyof Queued, unknown> & { status: Queued["status"] }>;

const orderSnapshot = z.object({
  order_id: z.uuid(),
  user_id: z.string().nullable().describe("Whose it is; null when nobody said, and for a guest."),
  status: z.string().nullable(),
  payment_status: z.string().nullable(),
  channel: z.string(),
  ...position,
}) satisfies z.ZodType<OrderSnapshot>;

const health = z.object({
  status: z.enum(["healthy", "degraded"]),
  redis_status: z.enum(["healthy", "unavailable", "disabled"]),
  active_channels: z.array(z.string()),
  total_connections: z.int(),
  channel_details: z.record(z.string(), z.int()).describe("Listeners by channel; `orders` is the sum of all orders."),
  truncated: z.literal(true).exactOptional().describe("There are more channels than are listed; the total counts all."),
}) satisfies z.ZodType<Health>;

/** What a service sends to publish one type of event: only that of an order may register its order. */
const publishOf = (type: EventType) => {
  const { channel: kind, data, summary } = EVENTS[type];
  const request = kind === "order" ? publishRequest : publishRequest.omit({ order: true });
  return request.extend({ type: z.literal(type), data }).describe(summary);
};

/** The schema of a publish of one type of event is called so. */
const publishName = (type: EventType) => `publish_${type}`;
const publishes = (types: EventType[]) =>
  Object.fromEntries(types.map((type) => [publishName(type), publishOf(type)] as const));
const orderPublishes = publishes(eventTypesOf("order"));
const productPublishes = publishes(eventTypesOf("products"));

/** What operations take and answer. */
const bodies = {
  publish_order_event: z.union(Object.values(orderPublishes)),
  publish_product_event: z.union(Object.values(productPublishes)),
  publish_batch: z.strictObject({
    events: z
      .array(publishRequest.extend({ channel }).describe("One publish of an event, and the channel that it is for."))
      .min(1)
      .max(MAX_BATCH_EVENTS),
  }),
  published,
  queued,
  batch_results: z.object({
    results: z
      .array(z.union([published, queued, z.object({ status: z.literal("rejected"), error: problem })]))
      .describe("One result an event, in the order of the events."),
  }),
  order_registration: orderRegistration,
  registered_order: orderRegistration.extend({ order_id: z.uuid() }),
  order_snapshot: orderSnapshot,
  ticket_request: ticketRequest,
  ticket: z.object({
    token: z.string(),
    subject: z.string().describe("What `POST /api/v1/disconnect` takes as `user_id`."),
    expires_at: z.iso.datetime(),
  }),
  disconnect: disconnectRequest,
  disconnected: z.object({ closed: z.int().describe("How many sockets were closed.") }),
  health,
  problem,
};
export type BodyName = keyof typeof bodies;

/** Every schema that the HTTP calls need. */
export const HTTP_SCHEMAS: Record<string, z.ZodType> = {
  ...bodies,
  ...orderPublishes,
  ...productPublishes,
  ...Object.fromEntries(Object.entries(EVENTS).map(([type, { data }]) => [`${type}_data`, data])),
};
