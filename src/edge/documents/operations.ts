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
  parameters?: readonly (keyof typeof PARAMETERS)[];
  body?: { name: BodyName; maxBytes: number };
  /** By status. */
  answers: Record<number, DocumentedAnswer>;
  /** The media type of the answers; JSON if absent. */
  mediaType?: string;
  /** Refusals that the other fields do not imply. */
  refusals?: readonly HttpRefusal[];
}

/** An answer's description and body; no body when the answer has none, or none in JSON. */
type DocumentedAnswer = readonly [description: string, body?: BodyName];

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
  conflate: query(
    "conflate",
    "`1`: of the `inventory_updated` and `price_updated` events that are sent together, receive only the newest of each " +
      "product, so `seq` has holes. Any value but `0` and `1` closes with 4005.",
    { type: "string", enum: ["0", "1"], default: "0" },
  ),
};

/** What the operations with a tag have in common. */
const LISTEN = {
  tag: "Listen",
  access: "listener",
  answers: {
    101: ["A WebSocket. A refused client also gets one, which is closed at once with a code that states the reason."],
  },
  refusals: ["upgrade_required"],
} as const satisfies Partial<Operation>;
const PUBLISH = { tag: "Publish", access: "publisher", parameters: ["idempotency_key"] } as const;
const PUBLISH_ONE = {
  ...PUBLISH,
  answers: {
    200: ["Durably accepted.", "published"],
    202: ["The channel is unreachable; the event is queued in Redis.", "queued"],
  },
  refusals: ["id_conflict"],
} as const satisfies Partial<Operation>;
const ORDER = { tag: "Orders", access: "service", refusals: ["order_not_found"] } as const satisfies Partial<Operation>;
const DOCUMENT = { tag: "Documents", access: "open" } as const;

const REPEATABLE =
  "With an `id` (or `Idempotency-Key`) the call is safe to repeat: a repeated event is answered with `duplicate`.";

const MEASURED = `An event has at most ${MAX_EVENT_BYTES} bytes, measured as the frame that is sent.`;

export const OPERATIONS: Record<`${"GET" | "POST" | "PUT" | "DELETE"} /${string}`, Operation> = {
  "GET /api/v1/ws/orders/{order_id}": {
    ...LISTEN,
    id: "listenToOrder",
    summary: "Listen to an order",
    description: "For its owner, admins, and guests with a ticket. Connect with `wss://`.",
    parameters: ["since", "epoch"],
  },
  "GET /api/v1/ws/products": {
    ...LISTEN,
    id: "listenToProducts",
    summary: "Listen to products",
    description: "For any user. Connect with `wss://`.",
    parameters: ["since", "epoch", "product_id", "conflate"],
  },
  "POST /api/v1/publish/orders/{order_id}": {
    ...PUBLISH_ONE,
    id: "publishOrderEvent",
    summary: "Publish an order event",
    description: `${REPEATABLE} ${MEASURED} \`order\` also registers the order.`,
    body: { name: "publish_order_event", maxBytes: MAX_BATCH_BYTES },
  },
  "POST /api/v1/publish/products": {
    ...PUBLISH_ONE,
    id: "publishProductEvent",
    summary: "Publish a product event",
    description: `${REPEATABLE} ${MEASURED}`,
    body: { name: "publish_product_event", maxBytes: MAX_BATCH_BYTES },
  },
  "POST /api/v1/publish/batch": {
    ...PUBLISH,
    id: "publishBatch",
    summary: "Publish many events",
    description: `1 to ${MAX_BATCH_EVENTS} events. ${MEASURED} A rejected event does not affect the others.`,
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
  "GET /openapi.json": {
    ...DOCUMENT,
    id: "openapi",
    summary: "The HTTP API as OpenAPI 3.1",
    answers: { 200: ["This document."] },
  },
  "GET /asyncapi.json": {
    ...DOCUMENT,
    id: "asyncapi",
    summary: "The WebSockets as AsyncAPI 3.0",
    answers: { 200: ["Every frame and message, with its schema and an example."] },
  },
  "GET /docs/api": {
    ...DOCUMENT,
    id: "docs",
    summary: "This reference as a page",
    answers: { 200: ["The page."] },
    mediaType: "text/html",
  },
};
