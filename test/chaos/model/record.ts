import type { StatusChange } from "../../../src/protocol/status-change.ts";

/**
 * What one run under failures leaves behind, for the checker: the publishers' answers, everything that listeners
 * received, and the histories at the end.
 */

export interface SentEvent {
  channel: string;
  id: string;
  type: string;
  data: Record<string, unknown>;
  version: number | null;
  /** Its product, or null in an order's channel. */
  product: string | null;
}

/** An answer to a publish call, or to the `XADD` of a stream entry. */
export interface Answer {
  status: "applied" | "duplicate" | "stale" | "queued";
  seq: number | null;
}

/** An event as its publisher knows it. */
export interface Published extends SentEvent {
  via: "http" | "stream";
  /** Ticks of the run's counter: when it was first sent, and when it was first answered; null without an answer. */
  sentAt: number;
  answeredAt: number | null;
  /** To the first call and to repeated ones. */
  answers: Answer[];
  /** Whether Redis, when it was set back, may have lost it before it was read. */
  mayBeLost: boolean;
}

/** An event as a listener or a history has it. */
export interface Received {
  seq: number;
  id: string;
  type: string;
  data: Record<string, unknown>;
}

/** An order as its snapshot and its first frame show it; unknown fields are absent. */
export type OrderView = StatusChange;

/** What a listener received on one connection, or between two announcements of a new epoch. */
export interface Segment {
  epoch: string;
  /** Its events begin after this position. */
  from: number;
  /** Whether the position of the segment before was resumed; null without one. */
  resumed: boolean | null;
  /** The first frame: an order's state (null for products) at exactly this `seq`. */
  first: { seq: number; state: OrderView | null };
  events: Received[];
}

export interface ListenerLog {
  name: string;
  channel: string;
  /** The products it asked for; null for all. */
  filter: string[] | null;
  segments: Segment[];
  /** Whether it must have received everything at the end of the run. */
  isCaughtUp: boolean;
}

/** A channel at the end of the run. */
export interface History {
  channel: string;
  epoch: string;
  /** The lowest position that replay begins after. */
  base: number;
  /** The current position. */
  seq: number;
  events: Received[];
  /** The order's snapshot; null for products. */
  state: OrderView | null;
}

export interface RunRecord {
  published: Published[];
  listeners: ListenerLog[];
  histories: History[];
  /** The state that orders were registered with. */
  initialState: OrderView;
  /** Whether something happened that may cost listeners their position: Redis was set back, or history was full. */
  mayLosePosition: boolean;
}
