import type { ChannelName } from "./names.ts";

/** What travels when a service publishes, as types and limits alone: `publish.ts` has the checks. */

export const MAX_EVENT_BYTES = 64 * 1024;
export const MAX_BATCH_BYTES = 1024 * 1024;
export const MAX_BATCH_EVENTS = 1000;

/** Who an order belongs to and where it stands, as `PUT /api/v1/orders/{order_id}` and `order` on a publish have it. */
export interface OrderRegistration {
  /** 1 to 256 characters. */
  user_id: string;
  /** 1 to 64 characters. */
  status: string;
  /** 1 to 64 characters. */
  payment_status: string;
}

/** The body of `PUT /api/v1/orders/{order_id}`. */
export interface OrderPut extends OrderRegistration {
  /** As on a publish: a registration with a version that is not newer than the last one changes nothing. */
  version?: number | undefined;
}

/** What became of one published event. */
export interface PublishResult {
  id: string;
  channel: ChannelName;
  /** Its position in the channel; for a `duplicate` the first one's; null for `stale`, which has none. */
  seq: number | null;
  status: "applied" | "duplicate" | "stale";
  /** How many listeners it was sent to. */
  receivers: number;
}

/** An event that waits in the Redis stream, from where it is delivered. */
export interface Queued {
  id: string;
  channel: ChannelName;
  status: "queued";
}

/** An event that reached no channel and changed nothing: its id belongs to another event, or the channel is unreachable. */
export interface Unpublished {
  id: string;
  channel: ChannelName;
  status: "conflict" | "unavailable";
}

/** What became of one published event: the one type from the channel's object to the publisher's answer. */
export type PublishOutcome = PublishResult | Queued | Unpublished;
