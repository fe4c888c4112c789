import type { ChannelName } from "./names.ts";

/** A publish call as types and limits, without the validation library; `publish.ts` has the checks. */

/** The largest event, measured as the frame that is sent; its published form may be longer or shorter. */
export const MAX_EVENT_BYTES = 64 * 1024;
/** The largest body of a publish call, with one event or many. */
export const MAX_BATCH_BYTES = 1024 * 1024;
export const MAX_BATCH_EVENTS = 1000;
/** Levels of objects and arrays in an event's `data`. */
export const MAX_JSON_DEPTH = 32;

/** An order's owner and state, as in `PUT /api/v1/orders/{order_id}` and in `order` of a publish. */
export interface OrderRegistration {
  /** 1 to 256 characters. */
  user_id: string;
  /** 1 to 64 characters. */
  status: string;
  /** 1 to 64 characters. */
  payment_status: string;
}

/** `OrderRegistration` as a service sends it: its user id may be a safe integer, which is the same id as its text. */
export type OrderInput = Omit<OrderRegistration, "user_id"> & { user_id: string | number };

/** An encoded event on its way to the service. Every attempt to send it uses the same id. */
export interface OutgoingEvent {
  channel: ChannelName;
  type: string;
  /** JSON text, an object. */
  data: string;
  id: string;
  version: number | null;
  order: OrderInput | null;
}

/** The outcome of an event that reached its channel. */
export interface PublishResult {
  id: string;
  channel: ChannelName;
  /** The event's position in the channel. For a `duplicate`, the position of the first publish; null for `stale`. */
  seq: number | null;
  status: "applied" | "duplicate" | "stale";
  /** How many listeners the event has been sent to. Sending to very many goes on after the answer. */
  receivers: number;
}

/** The outcome of an event that waits in the Redis stream, from which it will be delivered. */
export interface Queued {
  id: string;
  channel: ChannelName;
  status: "queued";
}

/**
 * The outcome of an event that its channel did not accept: its id belongs to another event (`conflict`), or the channel
 * is unreachable or has too much to send (`unavailable`). A call that took too long may still be executed later.
 */
export interface Unpublished {
  id: string;
  channel: ChannelName;
  status: "conflict" | "unavailable";
}

/** The outcome of one published event, from the channel's object to the publisher's answer. */
export type PublishOutcome = PublishResult | Queued | Unpublished;
