import { EXAMPLE_ORDER } from "../../protocol/events.ts";
import { MAX_FILTER_PRODUCTS } from "../../protocol/frames.ts";
import { EVENT_ID_PATTERN, MAX_PRODUCT_ID_LENGTH } from "../../protocol/names.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES } from "../../protocol/publish.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";
import type { Access } from "./access.ts";
import type { BodyName } from "./bodies.ts";
import type { JsonObject } from "./json-schema.ts";

/**
 * Every HTTP call by method and path. `openapi.ts` adds what these imply: path parameters, and the refusals of bodies
 * and credentials.
 */

export const TAGS = {
  Listen: "The WebSockets. [asyncapi.json](/asyncapi.json) describes their frames and messages.",
  Publish: "Events from the shop's services.",
  Orders: "An order's owner, state and tickets.",
  Operate: "Health, metrics, and disconnecting users.",
  Documents: "This reference, for people and for programs.",
} as const;

export interface Operation {
  tag: keyof typeof TAGS;
  /** The `operationId`, which code generators use as a name. */
  id: string;
  summary: string;
  description?: string;
  access: Access;
  parameters?: (keyof typeof PARAMETERS)[];
  body?: { name: BodyName; maxBytes: number };
  /** By status. */
  answers: Record<number, DocumentedAnswer>;
  /** Refusals that the other fields do not imply. */
  refusals?: HttpRefusal[];
}

interface DocumentedAnswer {
  description: string;
  /** Absent without a body, or when it is not JSON. */
  body?: BodyName;
  /** JSON if absent. */
  mediaType?: string;
}

const query = (name: string, description: string, schema: JsonObject = { type: "string" }) => ({
  name,
  in: "query",
  description,
  schema,
});

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
    description: "The event's id if the body has none. In a batch, event *n* gets the id `<key>/<n>`.",
    schema: { type: "string", pattern: EVENT_ID_PATTERN },
  },
  since: query("since", "Resume: the last `seq` that the client received.", { type: "integer", minimum: 0 }),
  epoch: query("epoch", "Resume: the epoch that `since` belongs to."),
  product_id: query(
    "product_id",
    "Receive only these products' events. Repeat the parameter, or separate ids by commas; percent-encode each id, a " +
      "comma in it as `%2C`. A malformed filter, or a misspelt parameter such as `product_ids`, closes with 4005.",
    {
      type: "array",
      items: { type: "string", minLength: 1, maxLength: MAX_PRODUCT_ID_LENGTH },
      minItems: 1,
      maxItems: MAX_FILTER_PRODUCTS,
    },
  ),
};

/** The answers to a publish. */
const PUBLISHED = {
  200: { description: "Durably accepted.", body: "published" },
  202: {
    description: "The channel is unreachable; the event is queued in Redis.",
    body: "queued",
  },
} as const satisfies Record<number, DocumentedAnswer>;

const SOCKET_ANSWER = {
  101: {
    description:
      "A WebSocket. A refused client also gets one, which is closed at once with a code that states the reason.",
  },
} as const satisfies Record<number, DocumentedAnswer>;

const REPEATABLE =
  "With an `id` (or `Idempotency-Key`) the call is safe to repeat: a repeated event is answered with `duplicate`.";

const MEASURED = `An event has at most ${MAX_EVENT_BYTES} bytes, measured as the frame that is sent.`;

export const OPERATIONS: Record<`${"GET" | "POST" | "PUT" | "DELETE"} /${string}`, Operation> = {
  "GET /api/v1/ws/orders/{order_id}": {
    tag: "Listen",
    id: "listenToOrder",
    summary: "Listen to an order",
    description: "For its owner, admins, and guests with a ticket. Connect with `wss://`.",
    access: "listener",
    parameters: ["since", "epoch"],
    answers: SOCKET_ANSWER,
    refusals: ["upgrade_required"],
  },
  "GET /api/v1/ws/products": {
    tag: "Listen",
    id: "listenToProducts",
    summary: "Listen to products",
    description: "For any user. Connect with `wss://`.",
    access: "listener",
    parameters: ["since", "epoch", "product_id"],
    answers: SOCKET_ANSWER,
    refusals: ["upgrade_required"],
  },
  "POST /api/v1/publish/orders/{order_id}": {
    tag: "Publish",
    id: "publishOrderEvent",
    summary: "Publish an order event",
    description: `${REPEATABLE} ${MEASURED} \`order\` also registers the order.`,
    access: "publisher",
    parameters: ["idempotency_key"],
    body: { name: "publish_order_event", maxBytes: MAX_BATCH_BYTES },
    answers: PUBLISHED,
    refusals: ["id_conflict"],
  },
  "POST /api/v1/publish/products": {
    tag: "Publish",
    id: "publishProductEvent",
    summary: "Publish a product event",
    description: `${REPEATABLE} ${MEASURED}`,
    access: "publisher",
    parameters: ["idempotency_key"],
    body: { name: "publish_product_event", maxBytes: MAX_BATCH_BYTES },
    answers: PUBLISHED,
    refusals: ["id_conflict"],
  },
  "POST /api/v1/publish/batch": {
    tag: "Publish",
    id: "publishBatch",
    summary: "Publish many events",
    description: `1 to ${MAX_BATCH_EVENTS} events. ${MEASURED} A rejected event does not affect the others.`,
    access: "publisher",
    parameters: ["idempotency_key"],
    body: { name: "publish_batch", maxBytes: MAX_BATCH_BYTES },
    answers: {
      200: { description: "The outcome of each event.", body: "batch_results" },
    },
  },
  "PUT /api/v1/orders/{order_id}": {
    tag: "Orders",
    id: "putOrder",
    summary: "Register or correct an order",
    description:
      "Listeners receive an event for each corrected status. With a `version` that is not newer than the last one applied, by a `PUT` or an event, nothing changes: the answer is the order as it is, with `stale`. A deleted order exists again, in a new epoch.",
    access: "service",
    body: { name: "order_registration", maxBytes: MAX_EVENT_BYTES },
    answers: {
      200: {
        description: "Corrected; or unchanged, with `stale`.",
        body: "corrected_order",
      },
      201: { description: "Registered.", body: "registered_order" },
    },
  },
  "GET /api/v1/orders/{order_id}": {
    tag: "Orders",
    id: "getOrder",
    summary: "Read an order",
    description: "For its owner, admins, services, and guests with a ticket. Guests do not see the owner.",
    access: "requester",
    answers: {
      200: {
        description: "The order's state at `seq`.",
        body: "order_snapshot",
      },
    },
    refusals: ["order_not_found"],
  },
  "DELETE /api/v1/orders/{order_id}": {
    tag: "Orders",
    id: "deleteOrder",
    summary: "Delete an order",
    description:
      "Closes its listeners with 4004 and erases everything stored about it. The time of the deletion alone is kept for as long as the history (`HISTORY_TTL_SECONDS`): meanwhile late events are answered with `stale`. Only a `PUT` revives the order, in a new epoch.",
    access: "service",
    answers: { 204: { description: "Deleted." } },
    refusals: ["order_not_found"],
  },
  "POST /api/v1/orders/{order_id}/tickets": {
    tag: "Orders",
    id: "createTicket",
    summary: "Issue a guest ticket",
    description:
      "A token that admits a guest to this order only. It becomes invalid when the order gets another owner.",
    access: "service",
    body: { name: "ticket_request", maxBytes: MAX_EVENT_BYTES },
    answers: { 201: { description: "Issued.", body: "ticket" } },
    refusals: ["order_not_found"],
  },
  "POST /api/v1/disconnect": {
    tag: "Operate",
    id: "disconnect",
    summary: "Close a channel's sockets",
    description:
      "Closes all of them, or one user's, with 4001. A 503 means that some may still be open: repeat the call.",
    access: "service",
    body: { name: "disconnect", maxBytes: MAX_EVENT_BYTES },
    answers: { 200: { description: "Closed.", body: "disconnected" } },
  },
  "GET /api/v1/ws/health": {
    tag: "Operate",
    id: "health",
    summary: "Service health",
    description: "Services and admins see order ids; others see the sum over all orders.",
    access: "anyone",
    answers: { 200: { description: "Healthy, or degraded.", body: "health" } },
  },
  "GET /metrics": {
    tag: "Operate",
    id: "metrics",
    summary: "Prometheus metrics",
    description: "Counters survive hibernation and deploys.",
    access: "service",
    answers: { 200: { description: "Prometheus text, version 0.0.4.", mediaType: "text/plain" } },
  },
  "GET /openapi.json": {
    tag: "Documents",
    id: "openapi",
    summary: "The HTTP API as OpenAPI 3.1",
    access: "open",
    answers: { 200: { description: "This document." } },
  },
  "GET /asyncapi.json": {
    tag: "Documents",
    id: "asyncapi",
    summary: "The WebSockets as AsyncAPI 3.0",
    access: "open",
    answers: { 200: { description: "Every frame and message, with its schema and an example." } },
  },
  "GET /docs/api": {
    tag: "Documents",
    id: "docs",
    summary: "This reference as a page",
    access: "open",
    answers: { 200: { description: "The page.", mediaType: "text/html" } },
  },
};
