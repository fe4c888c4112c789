import { type CloseCode, DISCONNECTED_REASON } from "./close-rules.ts";

/**
 * Every reason to refuse a client, one row each: the HTTP status, the socket's close code, and the public title. Titles
 * reveal nothing that the client does not know: no token, no owner, no stack.
 */
export const REFUSALS = {
  origin_not_allowed: { status: null, close: 4003, title: "Origin not allowed" },
  unauthenticated: { status: 401, close: 4001, title: "Authentication required" },
  token_invalid: { status: 401, close: 4001, title: "Invalid token" },
  token_too_long: { status: 401, close: 4001, title: "Token too long" },
  token_expired: { status: 401, close: 4001, title: "Token expired" },
  invalid_order_id: { status: 400, close: 4000, title: "Invalid order ID format" },
  order_not_found: { status: 404, close: 4004, title: "Order not found" },
  access_denied: { status: 403, close: 4003, title: "Access denied" },
  disconnected: { status: null, close: 4001, title: DISCONNECTED_REASON },
  going_away: { status: null, close: 4200, title: "Going away" },
  idle_timeout: { status: null, close: 4200, title: "Idle timeout" },
  protocol_error: { status: null, close: 4005, title: "Protocol error" },
  too_slow: { status: null, close: 4108, title: "Too slow" },
  too_many_connections: { status: null, close: 4110, title: "Too many connections" },
  rate_limited: { status: 429, close: 4129, title: "Too many requests" },
  credentials_ambiguous: { status: 400, close: null, title: "More than one credential" },
  key_invalid: { status: 401, close: null, title: "Publish key required" },
  not_found: { status: 404, close: null, title: "Path not found" },
  method_not_allowed: { status: 405, close: null, title: "Method not allowed" },
  upgrade_required: { status: 426, close: null, title: "WebSocket upgrade required" },
  unsupported_media_type: { status: 415, close: null, title: "Content-Type must be application/json" },
  unsupported_encoding: { status: 415, close: null, title: "Content-Encoding is not supported" },
  body_too_large: { status: 413, close: null, title: "Body too large" },
  malformed_json: { status: 400, close: null, title: "Body is not valid JSON" },
  validation_failed: { status: 422, close: null, title: "Some fields are not valid" },
  id_conflict: { status: 409, close: null, title: "This id belongs to another event" },
  misconfigured: { status: 503, close: null, title: "The service is misconfigured" },
  unavailable: { status: 503, close: null, title: "Temporarily unavailable" },
  internal_error: { status: 500, close: null, title: "Internal error" },
} as const satisfies Record<string, RefusalRow>;

interface RefusalRow {
  /** HTTP status (RFC 9110), or null if only sockets are refused with it. */
  status: number | null;
  /** Close code, or null if only HTTP calls are refused with it. */
  close: CloseCode | null;
  /** Public; also the close reason, so at most 123 bytes (RFC 6455, section 5.5). */
  title: string;
}

export type RefusalReason = keyof typeof REFUSALS;

/** Reasons to refuse a socket. */
export type SocketRefusal = {
  [R in RefusalReason]: (typeof REFUSALS)[R]["close"] extends CloseCode ? R : never;
}[RefusalReason];

/** Reasons to refuse an HTTP call. */
export type HttpRefusal = {
  [R in RefusalReason]: (typeof REFUSALS)[R]["status"] extends number ? R : never;
}[RefusalReason];

export function isSocketRefusal(value: unknown): value is SocketRefusal {
  return typeof value === "string" && Object.hasOwn(REFUSALS, value) && REFUSALS[value as RefusalReason].close !== null;
}

/** One bad field: its path (`data.new_quantity`, `events[3].type`, `order_id`) and what is wrong with it. */
export interface FieldError {
  field: string;
  message: string;
}

/** An error body (RFC 9457, `application/problem+json`). */
export interface Problem {
  /** `urn:tidings:problem:<reason>`: stable, for programs. */
  type: string;
  title: string;
  status: number;
  detail?: string;
  /** Every bad field, if the request had any. */
  errors?: FieldError[];
}

/** Returns the error body for a refusal. */
export function problem(reason: HttpRefusal, more: { detail?: string; errors?: FieldError[] } = {}): Problem {
  const { status, title } = REFUSALS[reason];
  return { type: `urn:tidings:problem:${reason}`, title, status, ...more };
}
