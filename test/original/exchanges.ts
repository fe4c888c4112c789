import { EVENTS } from "../../src/protocol/events.ts";
import type { DifferenceName } from "./differences.ts";
import { ORDER } from "./side-by-side.ts";

/** What clients did with the service that Tidings replaces: each exchange is played against both services. */

const UNKNOWN_ORDER = "00000000-0000-4000-8000-000000000000";

/** What happens with the original service, and with Tidings where that is a deliberate difference. */
export interface Outcome<T> {
  received: T;
  differs?: { as: DifferenceName; received: T };
}

/** What a client receives: its messages, parsed where they are JSON, and the code if the service closes the socket. */
export interface Received {
  messages: unknown[];
  code: number | null;
}

/** Tokens of alice, of bob, of an admin, and such as no service should accept. */
export type Token =
  | "owner"
  | "ending"
  | "customer"
  | "admin"
  | "garbage"
  | "forged"
  | "expired"
  | "anonymous"
  | "endless";

export interface SocketRequest {
  path: string;
  token?: Token;
  origin?: string;
  /** Further parameters. */
  query?: Record<string, string>;
  /** Sent after the first frame. */
  send?: string[];
}

export interface SocketExchange extends SocketRequest, Outcome<Received> {
  name: string;
}

const refused = (code: number): Received => ({ messages: [], code });
const receives = (...messages: unknown[]): Received => ({ messages, code: null });
const ORDER_OPENS = {
  type: "connection_established",
  data: { order_id: ORDER, current_status: "pending", payment_status: "pending" },
};
const PRODUCTS_OPEN = { type: "connection_established", data: { channel: "products" } };
export const OWNER = { path: `orders/${ORDER}`, token: "owner" } satisfies SocketRequest;
export const CUSTOMER = { path: "products", token: "customer" } satisfies SocketRequest;

export const SOCKET_EXCHANGES: SocketExchange[] = [
  { name: "no token", path: `orders/${ORDER}`, received: refused(4001) },
  { name: "no token, for products", path: "products", received: refused(4001) },
  { name: "a token that is none", ...OWNER, token: "garbage", received: refused(4001) },
  { name: "a token signed with another secret", ...OWNER, token: "forged", received: refused(4001) },
  { name: "an expired token", ...OWNER, token: "expired", received: refused(4001) },
  { name: "a token without a user", ...OWNER, token: "anonymous", received: refused(4001) },
  {
    name: "a token without an end",
    ...OWNER,
    token: "endless",
    received: receives(ORDER_OPENS),
    differs: { as: "token_without_end", received: refused(4001) },
  },
  { name: "a bad token and a bad order id", path: "orders/1", token: "garbage", received: refused(4001) },
  { name: "an order id that is not a UUID", path: "orders/1", token: "owner", received: refused(4000) },
  {
    name: "an order id without hyphens",
    ...OWNER,
    path: `orders/${ORDER.replaceAll("-", "")}`,
    received: receives(ORDER_OPENS),
    differs: { as: "uuid_forms", received: refused(4000) },
  },
  {
    name: "an order id in upper case",
    ...OWNER,
    path: `orders/${ORDER.toUpperCase()}`,
    received: receives(ORDER_OPENS),
  },
  { name: "an unknown order", ...OWNER, path: `orders/${UNKNOWN_ORDER}`, received: refused(4004) },
  { name: "an unknown order, for an admin", path: `orders/${UNKNOWN_ORDER}`, token: "admin", received: refused(4004) },
  { name: "another customer's order", ...OWNER, token: "customer", received: refused(4003) },
  { name: "the owner's order", ...OWNER, received: receives(ORDER_OPENS) },
  { name: "any order, for an admin", ...OWNER, token: "admin", received: receives(ORDER_OPENS) },
  { name: "products", ...CUSTOMER, received: receives(PRODUCTS_OPEN) },
  { name: "a ping", ...OWNER, send: ["ping"], received: receives(ORDER_OPENS, "pong") },
  { name: "a ping for products", ...CUSTOMER, send: ["ping"], received: receives(PRODUCTS_OPEN, "pong") },
  {
    name: "a page of a listed origin",
    ...CUSTOMER,
    origin: "https://shop.example",
    received: receives(PRODUCTS_OPEN),
  },
  {
    name: "a page of another origin",
    ...CUSTOMER,
    origin: "https://evil.example",
    received: receives(PRODUCTS_OPEN),
    differs: { as: "foreign_origin", received: refused(4003) },
  },
  {
    name: "a misspelt parameter",
    ...CUSTOMER,
    query: { product_ids: "p-1" },
    received: receives(PRODUCTS_OPEN),
    differs: { as: "parameters", received: refused(4005) },
  },
  { name: "text that means nothing", ...CUSTOMER, send: ["hello", "{}"], received: receives(PRODUCTS_OPEN) },
  {
    name: "a message of 20 KB",
    ...CUSTOMER,
    send: ["x".repeat(20_000)],
    received: receives(PRODUCTS_OPEN),
    differs: { as: "message_size", received: { messages: [PRODUCTS_OPEN], code: 4005 } },
  },
  {
    name: "a heartbeat in JSON",
    ...OWNER,
    send: ['{"type":"ping"}'],
    received: receives(ORDER_OPENS),
    differs: { as: "json_heartbeat", received: receives(ORDER_OPENS, { type: "pong" }) },
  },
  {
    name: "a hundred messages at once",
    ...CUSTOMER,
    send: Array.from({ length: 100 }, () => "hello"),
    received: receives(PRODUCTS_OPEN),
    differs: { as: "message_rate", received: { messages: [PRODUCTS_OPEN], code: 4129 } },
  },
  {
    name: "a malformed subscribe message",
    ...CUSTOMER,
    send: ['{"type":"subscribe","product_ids":"p-1"}'],
    received: receives(PRODUCTS_OPEN),
    differs: { as: "client_messages", received: { messages: [PRODUCTS_OPEN], code: 4005 } },
  },
];

export interface HttpExchange extends Outcome<{ status: number; body?: unknown }> {
  name: string;
  path: string;
  /** Sockets that are open meanwhile. */
  listeners: SocketRequest[];
}

const healthOf = (channel_details: Record<string, number>) => ({
  status: 200,
  body: {
    status: "healthy",
    redis_status: "healthy",
    active_channels: Object.keys(channel_details),
    total_connections: Object.values(channel_details).reduce((sum, count) => sum + count, 0),
    channel_details,
  },
});

export const HTTP_EXCHANGES: HttpExchange[] = [
  { name: "health without listeners", path: "ws/health", listeners: [], received: healthOf({}) },
  {
    name: "health with listeners",
    path: "ws/health",
    listeners: [OWNER, OWNER, CUSTOMER],
    received: healthOf({ [`order_${ORDER}`]: 2, products: 1 }),
    differs: { as: "health_details", received: healthOf({ orders: 2, products: 1 }) },
  },
  {
    name: "a request without an upgrade",
    path: "ws/products",
    listeners: [],
    received: { status: 404 },
    differs: { as: "plain_request", received: { status: 426 } },
  },
];

export interface EventFrame {
  type: string;
  data: Record<string, unknown>;
}

/** An event that a publisher of the original sends, and the frames that its channel's listeners receive. */
export interface EventExchange extends EventFrame, Outcome<EventFrame[]> {
  name: string;
  channel: "order" | "products";
}

type PublishedEvent = Omit<EventExchange, keyof Outcome<unknown>>;
const passesThrough = (event: PublishedEvent): EventExchange => ({ ...event, received: [event] });
const isRefused = (as: DifferenceName, event: PublishedEvent): EventExchange => ({
  ...passesThrough(event),
  differs: { as, received: [] },
});

export const EVENT_EXCHANGES: EventExchange[] = [
  ...Object.entries(EVENTS).map(([type, { channel, example }]) =>
    passesThrough({ name: type, channel, type, data: example }),
  ),
  passesThrough({
    name: "fields of the shop",
    channel: "order",
    type: "order_shipped",
    data: { order_id: ORDER, parcels: [{ weight: 1.5, content: "Käse ☕", fragile: null }], total: 9.0 },
  }),
  {
    ...passesThrough({ name: "no order_id", channel: "order", type: "order_shipped", data: {} }),
    differs: { as: "order_id", received: [{ type: "order_shipped", data: { order_id: ORDER } }] },
  },
  isRefused("event_types", {
    name: "a type of the shop",
    channel: "order",
    type: "order_repacked",
    data: { order_id: ORDER },
  }),
  ...Object.entries({
    "a price without its value": { type: "price_updated", data: {} },
    "a negative quantity": { type: "inventory_updated", data: { new_quantity: -1 } },
    "a time in words": { type: "product_updated", data: { timestamp: "yesterday" } },
  }).map(([name, { type, data }]) =>
    isRefused("event_data", { name, channel: "products", type, data: { product_id: "p-1", ...data } }),
  ),
  isRefused("event_size", {
    name: "an event of 70 KB",
    channel: "products",
    type: "product_updated",
    data: { product_id: "p-1", text: "x".repeat(70_000) },
  }),
];
