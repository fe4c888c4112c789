import { type CloseCode, retryAfterMs } from "./close-rules.ts";
import type { EventData, EventType } from "./event-data.ts";

/**
 * What goes over a socket: frames to the client, and the texts that both ends know. What a client says is in
 * `client-messages.ts`: checking it takes a library, and this module is part of what a browser loads.
 */

/** The subprotocol that allows arrays of frames and control frames. Without it every message is one frame. */
export const SUBPROTOCOL = "tidings.v1";
/** Offered beside `tidings.v1`, it carries the token where a browser can set no header: `bearer.<jwt>`. */
export const BEARER_PROTOCOL_PREFIX = "bearer.";
/** The keep-alive: this text is answered with `pong`, without waking the channel. */
export const PING = "ping";
export const PONG = "pong";
export const MAX_CLIENT_MESSAGE_BYTES = 4096;
export const MAX_FILTER_PRODUCTS = 50;

/** Server → client: one event. */
export interface EventFrame<T extends EventType = EventType> {
  type: T;
  data: EventData<T>;
  /** The event's id: the publisher's own, or one made when it was accepted. */
  id: string;
  /** 1, 2, 3 … within the channel and epoch. */
  seq: number;
  /** When it was accepted: ISO 8601, UTC, milliseconds. */
  ts: string;
}

/** Where a channel stands: the last event's `seq` (0 when there was none), in which `epoch` of its log. */
export interface Position {
  epoch: string;
  seq: number;
}

/** Server → client: the first frame of an order socket. The state is the order's as of exactly `seq`. */
export interface OrderEstablishedFrame {
  type: "connection_established";
  data: Position & {
    order_id: string;
    current_status: string | null;
    payment_status: string | null;
    channel: string;
    /** Whether everything since the position asked for follows; null when none was asked for. */
    resumed: boolean | null;
  };
  ts: string;
}

/** Server → client: the first frame of a products socket. */
export interface ProductsEstablishedFrame {
  type: "connection_established";
  data: Position & { channel: "products"; resumed: boolean | null };
  ts: string;
}

/** Server → `tidings.v1` client: the token ends soon; `authenticate` with a fresh one keeps the connection. */
export interface TokenExpiringFrame {
  type: "token_expiring";
  /** ISO 8601, UTC. */
  data: { expires_at: string };
}

/**
 * Server → `tidings.v1` client with a filter: what its filter lets through has come up to `seq`, so that it can still
 * resume when much has happened that it did not want to hear. It looks like an event of a type that nobody knows: who
 * keeps the position of such events needs no rule for it.
 */
export interface PositionFrame {
  type: "position";
  data: Record<string, never>;
  seq: number;
  ts: string;
}

export function encodePositionFrame(seq: number, now: number): string {
  return JSON.stringify({ type: "position", data: {}, seq, ts: new Date(now).toISOString() } satisfies PositionFrame);
}

/** Server → `tidings.v1` client: the service closes this socket. Browsers may report the close itself seconds later. */
export interface ClosingFrame {
  type: "closing";
  /** `retry_after_ms`: when to reconnect, in milliseconds from now; null for a close that is final. */
  data: { code: CloseCode; reason: string; retry_after_ms: number | null };
}

/** @param random From 0 up to 1: spreads out clients that are closed together. */
export function encodeClosingFrame(code: CloseCode, reason: string, random = Math.random()): string {
  const data = { code, reason, retry_after_ms: retryAfterMs(code, random) };
  return JSON.stringify({ type: "closing", data } satisfies ClosingFrame);
}

/** Server → `tidings.v1` client: say how far you have read, with `ack`. */
export interface AckRequestFrame {
  type: "ack_request";
}

/**
 * One event frame as text. `data` comes as JSON text and goes in as it is: it was validated once, and what a
 * publisher wrote is what every listener reads.
 */
export function encodeEventFrame(event: { type: string; data: string; id: string; seq: number; ts: number }): string {
  const rest = JSON.stringify({ id: event.id, seq: event.seq, ts: new Date(event.ts).toISOString() });
  return `{"type":"${event.type}","data":${event.data},${rest.slice(1)}`;
}
