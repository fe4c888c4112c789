import type { Output } from "./link.ts";
import type { ProductFilter } from "./product-filter.ts";
import { DEFAULT_TUNING, type Tuning } from "./tuning.ts";
import type { Position, Status } from "./types.ts";

/** The state, inputs and effects of the connection's state machine. */

/** A deadline that is not set. */
export const NEVER = Number.POSITIVE_INFINITY;

/** When the machine acts without another input: milliseconds since 1970, or `NEVER`. */
export interface Deadlines {
  /** When to retry (`backoff`), or when to give up on the token (`authorizing`) or the first frame (`connecting`). */
  phaseEndsAt: number;
  pingAt: number;
  pongBy: number;
  /** When the connection has been live long enough to count as a success. */
  stableAt: number;
  /** When to fetch a fresh token, and when to give up on it. */
  refreshAt: number;
  refreshBy: number;
  /** When to send filter changes to the service. */
  sendFilterAt: number;
}

export const NO_DEADLINES: Readonly<Deadlines> = {
  phaseEndsAt: NEVER,
  pingAt: NEVER,
  pongBy: NEVER,
  stableAt: NEVER,
  refreshAt: NEVER,
  refreshBy: NEVER,
  sendFilterAt: NEVER,
};

/** See the diagram in `machine.ts`. */
export type Phase = "idle" | "backoff" | "authorizing" | "connecting" | "live" | "suspended" | "closed";

export interface State extends Readonly<Deadlines> {
  readonly tuning: Tuning;
  readonly phase: Phase;
  /** The last status reported to the page. */
  readonly status: Status;
  readonly position: Position | null;
  /** The filter the page wants, and the one the service knows. */
  readonly filter: ProductFilter;
  readonly sentFilter: ProductFilter;
  /**
   * Numbers of the current token request and the current socket. Inputs with an older number are late and ignored. While
   * no socket is open, no socket has this number.
   */
  readonly request: number;
  readonly socket: number;
  /** Failed attempts since the last success, and when the last attempt began. */
  readonly failures: number;
  readonly attemptAt: number;
  readonly token: string | null;
  /** The token that the service refused since the last success, and the service's reason. */
  readonly refused: { readonly token: string | null; readonly reason: string } | null;
  readonly wasLive: boolean;
  readonly isRecovered: boolean;
  /** Events up to this `seq` are being replayed. */
  readonly replayUntil: number;
  /** The `seq` before a missing event, if the connection was reopened to fetch that event. */
  readonly missingAfter: number | null;
  readonly isOnline: boolean;
  readonly isVisible: boolean;
  /** Pings not answered yet, and how long to wait for the pong, in milliseconds. */
  readonly pendingPings: number;
  readonly pongTimeoutMs: number;
  /** When the token arrived (our clock) and expires (the service's clock; `NEVER` when unknown). */
  readonly tokenAt: number;
  readonly tokenExpiresAt: number;
  /** The smallest difference between our clock and a frame's timestamp on this connection. */
  readonly clockSkewMs: number;
  readonly lagMs: number | null;
  /** When the status becomes stale; `NEVER` while the connection is live. */
  readonly staleAt: number;
}

export type Input =
  /** Connect or retry now. */
  | { type: "connect" }
  | { type: "close" }
  /** The page has a new token. */
  | { type: "refresh" }
  /** @param expiresAt The token's `exp` in milliseconds since 1970, or `NEVER` when it has none. */
  | { type: "token"; request: number; token: string; expiresAt: number }
  | { type: "token_failed"; request: number }
  | { type: "frame"; socket: number; frame: unknown }
  | { type: "pong"; socket: number }
  | { type: "socket_closed"; socket: number; code: number; reason: string }
  /** A deadline has passed. */
  | { type: "tick" }
  | { type: "filter"; filter: ProductFilter }
  | PageInput;

/** What happens to the page. */
export type PageInput =
  | { type: "online"; isOnline: boolean }
  | { type: "visible"; isVisible: boolean }
  /** The browser freezes the page or puts it into the back-forward cache, and later resumes it. */
  | { type: "suspend" }
  | { type: "resume" };

export type Effect =
  | { type: "get_token"; request: number }
  | { type: "open"; socket: number; token: string; position: Position | null; filter: ProductFilter }
  | { type: "send"; text: string }
  /** Close the socket and ignore it from now on. */
  | { type: "drop" }
  | Output;

/** How a connection starts. */
export interface Start {
  position: Position | null;
  filter: ProductFilter;
  /** Whether it continues a connection that was live, in this tab or another. */
  wasLive: boolean;
  tuning: Partial<Tuning>;
}

export function initialState({ tuning, wasLive, ...start }: Start): State {
  return {
    ...start,
    ...NO_DEADLINES,
    tuning: { ...DEFAULT_TUNING, ...tuning },
    phase: "idle",
    status: { state: wasLive ? "recovering" : "connecting", isStale: false },
    sentFilter: null,
    request: 0,
    socket: 0,
    failures: 0,
    attemptAt: 0,
    token: null,
    refused: null,
    wasLive,
    isRecovered: false,
    replayUntil: 0,
    missingAfter: null,
    isOnline: true,
    isVisible: true,
    pendingPings: 0,
    pongTimeoutMs: 0,
    tokenAt: 0,
    tokenExpiresAt: NEVER,
    clockSkewMs: 0,
    lagMs: null,
    staleAt: NEVER,
  };
}

/** Returns when the machine needs its next `tick`, in milliseconds since 1970, or `NEVER`. */
export function nextTick(state: State): number {
  // `Object.keys` is typed `string[]`; this object has exactly the keys of its type.
  const deadlines = Object.keys(NO_DEADLINES) as (keyof Deadlines)[];
  return Math.min(state.status.isStale ? NEVER : state.staleAt, ...deadlines.map((name) => state[name]));
}
