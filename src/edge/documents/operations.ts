import { EVENTS, type EventType, eventTypesOf } from "../../protocol/events.ts";
import { MAX_FILTER_PRODUCTS } from "../../protocol/frames.ts";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES } from "../../protocol/publish.ts";
import type { HttpRefusal } from "../../protocol/refusals.ts";
import type { Access } from "./access.ts";
import { EXAMPLE_ORDER, EXAMPLES } from "./examples.ts";
import type { BodyName } from "./http-schemas.ts";
import type { Json } from "./json-schema.ts";

/**
 * Every HTTP call, once, by its method and path. What follows from these few words is added by `openapi.ts`: the
 * parameters of the path, and the refusals that come with a body, with who may call, and with being a service at all.
 */

export const TAGS = {
  Listen: "The WebSockets. Their frames and messages are in [asyncapi.json](/asyncapi.json).",
  Publish: "What services say happened.",
  Orders: "Whose an order is and where it stands.",
  Operate: "How the service is doing, and who may stay.",
  Documents: "What you are reading, for people and for programs.",
} as const;

export interface Operation {
  tag: keyof typeof TAGS;
  /** `operationId`: what generated code calls it. */
  id: string;
  summary: string;
  description?: string;
  access: Access;
  parameters?: (keyof typeof PARAMETERS)[];
  body?: { schema: BodyName; maxBytes: number; examples: Record<string, Json> };
  /** By status. */
  answers: Record<number, Answer>;
  /** What it refuses besides what follows from the rest. */
  refusals?: HttpRefusal[];
}

interface Answer {
  description: string;
  /** None: there is no body, or none that a schema could describe. */
  schema?: BodyName;
  example?: Json;
  /** Unless it is JSON. */
  mediaType?: string;
}

const query = (name: string, description: string, schema: Json = { type: "string" }) => ({
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
    description: "The event's id when the body brings none; in a batch, event *n* has the id `<key>/<n>`.",
    schema: { type: "string", pattern: "^[!-~]{1,128}$" },
  },
  since: query("since", "Resume: the last `seq` that the client has.", { type: "integer", minimum: 0 }),
  epoch: query("epoch", "Resume: the epoch that `since` counts in."),
  product_id: query(
    "product_id",
    `Only these products' events: ids, separated by commas, at most ${MAX_FILTER_PRODUCTS}.`,
  ),
};

const publishExamples = (types: EventType[]) =>
  Object.fromEntries(types.map((type) => [type, { type, data: { ...EVENTS[type].example } }]));

/** The answers to a publish. */
const PUBLISHED = {
  200: { description: "Taken, for good.", schema: "published", example: EXAMPLES.published },
  202: { description: "Its channel cannot be reached: it waits in Redis.", schema: "queued", example: EXAMPLES.queued },
} as const satisfies Record<number, Answer>;

const SOCKET_ANSWER = {
  101: {
    description:
      "A WebSocket. A client that may not listen gets one, too, which is closed at once with a code that says why.",
  },
} as const satisfies Record<number, Answer>;

const REPEATABLE =
  "With an `id` (or `Idempotency-Key`) it is safe to repeat: the second time, the answer is `duplicate`.";

export const OPERATIONS: Record<`${"GET" | "POST" | "PUT" | "DELETE"} /${string}`, Operation> = {
  "GET /api/v1/ws/orders/{order_id}": {
    tag: "Listen",
    id: "listenToOrder",
    summary: "Listen to an order",
    description: "For its owner, admins, and guests with a ticket. A WebSocket: connect with `wss://`.",
    access: "listener",
    parameters: ["since", "epoch"],
    answers: SOCKET_ANSWER,
    refusals: ["upgrade_required"],
  },
  "GET /api/v1/ws/products": {
    tag: "Listen",
    id: "listenToProducts",
    summary: "Listen to products",
    description: "For any user. A WebSocket: connect with `wss://`.",
    access: "listener",
    parameters: ["since", "epoch", "product_id"],
    answers: SOCKET_ANSWER,
    refusals: ["upgrade_required"],
  },
  "POST /api/v1/publish/orders/{order_id}": {
    tag: "Publish",
    id: "publishOrderEvent",
    summary: "Publish an order's event",
    description: `${REPEATABLE} \`order\` registers the order in the same call.`,
    access: "publisher",
    parameters: ["idempotency_key"],
    body: {
      schema: "publish_order_event",
      maxBytes: MAX_EVENT_BYTES,
      examples: publishExamples(eventTypesOf("order")),
    },
    answers: PUBLISHED,
    refusals: ["id_conflict", "rate_limited"],
  },
  "POST /api/v1/publish/products": {
    tag: "Publish",
    id: "publishProductEvent",
    summary: "Publish a product's event",
    description: REPEATABLE,
    access: "publisher",
    parameters: ["idempotency_key"],
    body: {
      schema: "publish_product_event",
      maxBytes: MAX_EVENT_BYTES,
      examples: publishExamples(eventTypesOf("products")),
    },
    answers: PUBLISHED,
    refusals: ["id_conflict", "rate_limited"],
  },
  "POST /api/v1/publish/batch": {
    tag: "Publish",
    id: "publishBatch",
    summary: "Publish many events",
    description: `1 to ${MAX_BATCH_EVENTS} events, each at most ${MAX_EVENT_BYTES} bytes. It goes on past an event that is refused.`,
    access: "publisher",
    parameters: ["idempotency_key"],
    body: { schema: "publish_batch", maxBytes: MAX_BATCH_BYTES, examples: { two_events: EXAMPLES.publish_batch } },
    answers: {
      200: { description: "What became of each event.", schema: "batch_results", example: EXAMPLES.batch_results },
    },
    refusals: ["rate_limited"],
  },
  "PUT /api/v1/orders/{order_id}": {
    tag: "Orders",
    id: "putOrder",
    summary: "Register or correct an order",
    description: "Listeners are told of what it corrects, by an event.",
    access: "service",
    body: {
      schema: "order_registration",
      maxBytes: MAX_EVENT_BYTES,
      examples: { order: EXAMPLES.order_registration },
    },
    answers: {
      200: { description: "Corrected.", schema: "registered_order", example: EXAMPLES.registered_order },
      201: { description: "Registered.", schema: "registered_order", example: EXAMPLES.registered_order },
    },
  },
  "GET /api/v1/orders/{order_id}": {
    tag: "Orders",
    id: "getOrder",
    summary: "Read an order",
    description: "For its owner, admins, services, and guests with a ticket, who do not read whose it is.",
    access: "requester",
    answers: {
      200: { description: "As it stands at `seq`.", schema: "order_snapshot", example: EXAMPLES.order_snapshot },
    },
    refusals: ["order_not_found", "rate_limited"],
  },
  "DELETE /api/v1/orders/{order_id}": {
    tag: "Orders",
    id: "deleteOrder",
    summary: "Delete an order",
    description: "Its listeners are closed with 4004, and every stored byte of it is gone.",
    access: "service",
    answers: { 204: { description: "Gone." } },
    refusals: ["order_not_found"],
  },
  "POST /api/v1/orders/{order_id}/tickets": {
    tag: "Orders",
    id: "createTicket",
    summary: "Make a ticket for a guest",
    description:
      "A token that is good for listening to this order, and for nothing else, until the order has another owner.",
    access: "service",
    body: { schema: "ticket_request", maxBytes: MAX_EVENT_BYTES, examples: { a_day: EXAMPLES.ticket_request } },
    answers: { 201: { description: "Made.", schema: "ticket", example: EXAMPLES.ticket } },
    refusals: ["order_not_found"],
  },
  "POST /api/v1/disconnect": {
    tag: "Operate",
    id: "disconnect",
    summary: "Close a channel's sockets",
    description: "All of them, or one user's, with 4001.",
    access: "service",
    body: { schema: "disconnect", maxBytes: MAX_EVENT_BYTES, examples: { one_user: EXAMPLES.disconnect } },
    answers: { 200: { description: "Closed.", schema: "disconnected", example: { closed: 1 } } },
  },
  "GET /api/v1/ws/health": {
    tag: "Operate",
    id: "health",
    summary: "How the service is doing",
    description: "Order ids are for services and admins; others see the sum of all orders.",
    access: "anyone",
    answers: { 200: { description: "Healthy, or degraded.", schema: "health", example: EXAMPLES.health } },
    refusals: ["rate_limited"],
  },
  "GET /metrics": {
    tag: "Operate",
    id: "metrics",
    summary: "What was counted, for Prometheus",
    description: "Counters count on across hibernation and deploys.",
    access: "service",
    answers: { 200: { description: "Prometheus text, version 0.0.4.", mediaType: "text/plain" } },
  },
  "GET /openapi.json": {
    tag: "Documents",
    id: "openapi",
    summary: "The HTTP calls, as OpenAPI 3.1",
    access: "open",
    answers: { 200: { description: "This document." } },
  },
  "GET /asyncapi.json": {
    tag: "Documents",
    id: "asyncapi",
    summary: "The sockets, as AsyncAPI 3.0",
    access: "open",
    answers: { 200: { description: "Every frame and message, with its schema and an example." } },
  },
  "GET /docs": {
    tag: "Documents",
    id: "docs",
    summary: "A page to read and to try",
    access: "open",
    answers: { 200: { description: "The page.", mediaType: "text/html" } },
  },
};
