import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { EVENT_ID_PATTERN } from "../../protocol/names.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES } from "../../protocol/publish.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";
import type { Access } from "./access.ts";
import type { BodyName } from "./bodies.ts";
import { sizeText } from "./prose.ts";

/**
 * Every HTTP call by method and path. `openapi.ts` adds what these imply: path parameters, and the refusals of bodies
 * and credentials.
 */

export const TAGS = {
  Publish: "Events from the shop's services.",
  Orders: "An order's owner, state and tickets.",
  Operate: "Health, metrics, and disconnecting users.",
} as const;

export interface Operation {
  tag: keyof typeof TAGS;
  /** The `operationId`, which code generators use as a name. */
  id: string;
  summary: string;
  description?: string;
  access: Access;
  parameters?: readonly (keyof typeof PARAMETERS)[];
  body?: { name: BodyName; maxBytes: number };
  /** By status. */
  answers: Record<number, DocumentedAnswer>;
  /** The media type of the answers; JSON if absent. */
  mediaType?: string;
  /** Refusals that the other fields do not imply. */
  refusals?: readonly HttpRefusal[];
}

/**
 * An answer's description and body; no body when the answer has none, or none in JSON. If only one of the body's examples
 * is an answer to this call, its name.
 */
export type DocumentedAnswer = readonly [description: string, body?: BodyName, onlyExample?: string];

export const PARAMETERS = {
  order_id: {
    name: "order_id",
    in: "path",
    required: true,
    description: "A UUID, in any case.",
    schema: { type: "string", format: "uuid" },
    example: EXAMPLE_ORDER,
  },
  idempotency_key: {
    name: "Idempotency-Key",
    in: "header",
    description: "The event's id if the body has none. In a batch, event *n*, counted from 0, gets the id `<key>/<n>`.",
    schema: { type: "string", pattern: EVENT_ID_PATTERN },
  },
} as const;

/** What the operations with a tag have in common. */
const PUBLISH = { tag: "Publish", access: "publisher", parameters: ["idempotency_key"] } as const;
const singlePublish = (example: "order_event" | "product_event") =>
  ({
    ...PUBLISH,
    answers: {
      200: ["Durably accepted.", "published", example],
      202: ["The channel cannot accept the event now; it is queued in Redis.", "queued", example],
    },
    refusals: ["id_conflict"],
  }) as const satisfies Partial<Operation>;
const ORDER = { tag: "Orders", access: "service", refusals: ["order_not_found"] } as const satisfies Partial<Operation>;

const REPEATABLE =
  "With an `id` (or `Idempotency-Key`) the call is safe to repeat: a repeated event is answered with `duplicate`.";

const MEASURED = `An event has at most ${sizeText(MAX_EVENT_BYTES)}, measured as the frame that is sent.`;

export const OPERATIONS: Record<`${"GET" | "POST" | "PUT" | "DELETE"} /${string}`, Operation> = {
  "POST /api/v1/publish/orders/{order_id}": {
    ...singlePublish("order_event"),
    id: "publishOrderEvent",
    summary: "Publish an order event",
    description: `${REPEATABLE} ${MEASURED} \`order\` also registers the order.`,
    body: { name: "publish_order_event", maxBytes: MAX_BATCH_BYTES },
  },
  "POST /api/v1/publish/products": {
    ...singlePublish("product_event"),
    id: "publishProductEvent",
    summary: "Publish a product event",
    description: `${REPEATABLE} ${MEASURED}`,
    body: { name: "publish_product_event", maxBytes: MAX_BATCH_BYTES },
  },
  "POST /api/v1/publish/batch": {
    ...PUBLISH,
    id: "publishBatch",
    summary: "Publish many events",
    description: `1 to ${MAX_BATCH_EVENTS.toLocaleString("en")} events. ${MEASURED} A rejected event does not affect the others.`,
    body: { name: "publish_batch", maxBytes: MAX_BATCH_BYTES },
    answers: { 200: ["The outcome of each event.", "batch_results"] },
  },
  "PUT /api/v1/orders/{order_id}": {
    ...ORDER,
    id: "putOrder",
    summary: "Register or correct an order",
    description:
      "Listeners receive an event for each corrected status. With a `version` that is not newer than the last one applied, by a `PUT` or an event, nothing changes: the answer is the order as it is, with `stale`. A deleted order exists again, in a new epoch.",
    body: { name: "order_registration", maxBytes: MAX_EVENT_BYTES },
    answers: {
      200: ["Corrected; or unchanged, with `stale`.", "corrected_order"],
      201: ["Registered.", "registered_order"],
    },
    refusals: [],
  },
  "GET /api/v1/orders/{order_id}": {
    ...ORDER,
    id: "getOrder",
    summary: "Read an order",
    description: "For its owner, admins, services, and guests with a ticket. Guests do not see the owner.",
    access: "requester",
    answers: { 200: ["The order's state at `seq`.", "order_snapshot"] },
  },
  "DELETE /api/v1/orders/{order_id}": {
    ...ORDER,
    id: "deleteOrder",
    summary: "Delete an order",
    description:
      "Closes its listeners with 4004 and erases everything stored about it. The time of the deletion alone is kept for as long as the history (`HISTORY_TTL_SECONDS`): meanwhile late events are answered with `stale`. Only a `PUT` revives the order, in a new epoch.",
    answers: { 204: ["Deleted."] },
  },
  "POST /api/v1/orders/{order_id}/tickets": {
    ...ORDER,
    id: "createTicket",
    summary: "Issue a guest ticket",
    description:
      "A token that admits a guest to this order only. It becomes invalid when the order gets another owner.",
    body: { name: "ticket_request", maxBytes: MAX_EVENT_BYTES },
    answers: { 201: ["Issued.", "ticket"] },
  },
  "POST /api/v1/disconnect": {
    tag: "Operate",
    id: "disconnect",
    summary: "Close a channel's sockets",
    description:
      "Closes all of them, or one user's, with 4001. A 503 means that some may still be open: repeat the call.",
    access: "service",
    body: { name: "disconnect", maxBytes: MAX_EVENT_BYTES },
    answers: { 200: ["Closed.", "disconnected"] },
  },
  "GET /api/v1/ws/health": {
    tag: "Operate",
    id: "health",
    summary: "Service health",
    description: "Services and admins see order ids; others see the sum over all orders.",
    access: "anyone",
    answers: { 200: ["Healthy, or degraded.", "health"] },
  },
  "GET /metrics": {
    tag: "Operate",
    id: "metrics",
    summary: "Prometheus metrics",
    description: "Counters survive hibernation and deploys.",
    access: "service",
    answers: { 200: ["Prometheus text, version 0.0.4."] },
    mediaType: "text/plain",
  },
};
