import type { DifferenceName } from "./differences.ts";
import { ORDER } from "./side-by-side.ts";

/** What clients did with the service that Tidings replaces: each exchange is played against both services. */

const UNKNOWN_ORDER = "00000000-0000-4000-8000-000000000000";

/** What a client receives: parsed messages, where they are JSON, and the close code, if the service closes. */
export interface Received {
  messages?: unknown[];
  code?: number;
}

/** An outcome, and the deliberate difference, if Tidings has another one. */
interface Outcome<T> {
  received: T;
  differs?: { as: DifferenceName; received: T };
}

export type Token = "owner" | "customer" | "admin" | "garbage" | "forged" | "expired" | "anonymous" | "endless";

export interface SocketRequest {
  path: string;
  token?: Token;
  origin?: string;
  /** Sent after the first frame. */
  send?: string[];
}

export interface SocketExchange extends SocketRequest, Outcome<Received> {
  name: string;
}

const order = {
  type: "connection_established",
  data: { order_id: ORDER, current_status: "pending", payment_status: "pending" },
};
const products = { type: "connection_established", data: { channel: "products" } };
const owner = { path: `orders/${ORDER}`, token: "owner" } satisfies SocketRequest;
const customer = { path: "products", token: "customer" } satisfies SocketRequest;

export const SOCKET_EXCHANGES: SocketExchange[] = [
  { name: "no token", path: `orders/${ORDER}`, received: { code: 4001 } },
  { name: "no token, for products", path: "products", received: { code: 4001 } },
  { name: "a token that is none", ...owner, token: "garbage", received: { code: 4001 } },
  { name: "a token signed with another secret", ...owner, token: "forged", received: { code: 4001 } },
  { name: "an expired token", ...owner, token: "expired", received: { code: 4001 } },
  { name: "a token without a user", ...owner, token: "anonymous", received: { code: 4001 } },
  {
    name: "a token without an end",
    ...owner,
    token: "endless",
    received: { messages: [order] },
    differs: { as: "token_without_end", received: { code: 4001 } },
  },
  { name: "a bad token and a bad order id", path: "orders/1", token: "garbage", received: { code: 4001 } },
  { name: "an order id that is not a UUID", path: "orders/1", token: "owner", received: { code: 4000 } },
  {
    name: "an order id without hyphens",
    ...owner,
    path: `orders/${ORDER.replaceAll("-", "")}`,
    received: { messages: [order] },
    differs: { as: "uuid_forms", received: { code: 4000 } },
  },
  {
    name: "an order id in upper case",
    ...owner,
    path: `orders/${ORDER.toUpperCase()}`,
    received: { messages: [order] },
  },
  { name: "an unknown order", ...owner, path: `orders/${UNKNOWN_ORDER}`, received: { code: 4004 } },
  { name: "an unknown order, for an admin", path: `orders/${UNKNOWN_ORDER}`, token: "admin", received: { code: 4004 } },
  { name: "another customer's order", ...owner, token: "customer", received: { code: 4003 } },
  { name: "the owner's order", ...owner, received: { messages: [order] } },
  { name: "any order, for an admin", ...owner, token: "admin", received: { messages: [order] } },
  { name: "products", ...customer, received: { messages: [products] } },
  { name: "a ping", ...owner, send: ["ping"], received: { messages: [order, "pong"] } },
  { name: "a ping for products", ...customer, send: ["ping"], received: { messages: [products, "pong"] } },
  {
    name: "a page of a listed origin",
    ...customer,
    origin: "https://shop.example",
    received: { messages: [products] },
  },
  {
    name: "a page of another origin",
    ...customer,
    origin: "https://evil.example",
    received: { messages: [products] },
    differs: { as: "foreign_origin", received: { code: 4003 } },
  },
  {
    name: "a malformed subscribe message",
    ...customer,
    send: ['{"type":"subscribe","product_ids":"p-1"}'],
    received: { messages: [products] },
    differs: { as: "client_messages", received: { messages: [products], code: 4005 } },
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
    name: "health with listeners of products",
    path: "ws/health",
    listeners: [customer, customer],
    received: healthOf({ products: 2 }),
  },
  {
    name: "health with listeners of an order",
    path: "ws/health",
    listeners: [owner, owner],
    received: healthOf({ [`order_${ORDER}`]: 2 }),
    differs: { as: "health_details", received: healthOf({ orders: 2 }) },
  },
  {
    name: "a request without an upgrade",
    path: "ws/products",
    listeners: [],
    received: { status: 404 },
    differs: { as: "plain_request", received: { status: 426 } },
  },
];
