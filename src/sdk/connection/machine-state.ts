import type { Output } from "./link.ts";
import type { PageInput } from "./page.ts";
import type { ProductFilter } from "./product-filter.ts";
import { DEFAULT_TUNING, type Tuning } from "./tuning.ts";
import type { Position, RetryCause, Status } from "./types.ts";

/** The state, inputs and effects of the connection's state machine. */

/** A deadline that is not set: infinity. */
export const NEVER = 1 / 0;

/** When the machine has to act by itself, in milliseconds since 1970; none of these is set. */
export const NO_DEADLINES = {
  /**
   * When to retry (`backoff`), report a late token (`authorizing`, `live`), or give up on the first frame
   * (`connecting`).
   */
  phaseEndsAt: NEVER,
  pingAt: NEVER,
  pongBy: NEVER,
  /** When the connection has been live long enough to count as a success. */
  stableAt: NEVER,
  /** When to fetch a fresh token. */
  refreshAt: NEVER,
  /** When to send filter changes to the service. */
  sendFilterAt: NEVER,
};
type Deadlines = Readonly<typeof NO_DEADLINES>;

/** See the diagram in `machine.ts`. */
export type Phase = "idle" | "backoff" | "authorizing" | "connecting" | "live" | "closed";

export interface State extends Deadlines {
  readonly tuning: Tuning;
  readonly phase: Phase;
  /** The last status reported to the page. */
  readonly status: Status;
  readonly position: Position | null;
  /** The filter the page wants, and the one the service knows. */
  readonly filter: ProductFilter;
  readonly sentFilter: ProductFilter;
  /** Whether the service leaves out events that are out of date. */
  readonly conflate?: boolean | undefined;
  /** Failed attempts since the last success, and when the last attempt began. */
  readonly failures: number;
  readonly attemptAt: number;
  /** No automatic attempt begins before this time, which the service asked for. */
  readonly notBefore: number;
  /** What went wrong last. */
  readonly cause?: RetryCause | undefined;
  /** Multiplies the timeouts: it grows with every timeout, until a pong arrives in time. */
  readonly patience: number;
  readonly token?: string;
  /** The user of the token, and the user whose events `position` counts; undefined before the first. */
  readonly user?: string | null;
  readonly positionUser?: string | null | undefined;
  /** The token that the service refused since the last success, and the service's reason. */
  readonly refused?: { readonly token: string | undefined; readonly reason: string } | undefined;
  /** Whether this connection, or the one that it continues, was live. */
  readonly wasLive: boolean;
  readonly isRecovered: boolean;
  /** Events up to this `seq` are being replayed. */
  readonly replayUntil: number;
  /** The `seq` before a missing event, if the connection was reopened to fetch that event. */
  readonly missingAfter?: number | undefined;
  readonly isOnline: boolean;
  readonly isVisible: boolean;
  /** Pings without an answer yet, and how long silence may last meanwhile. */
  readonly pendingPings: number;
  readonly pongTimeoutMs: number;
  /** When the token arrived (our clock) and expires (the service's clock; `NEVER` when unknown). */
  readonly tokenAt: number;
  readonly tokenExpiresAt: number;
  /** The smallest difference seen on this connection between our clock and a frame's timestamp. */
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
  | ({ type: "token" } & Token)
  /** @param message Why there is no token, if the error says so. */
  | { type: "token_failed"; message?: unknown }
  | { type: "frame"; frame: unknown }
  | { type: "pong" }
  | ({ type: "socket_closed" } & Close)
  /** A deadline has passed. */
  | { type: "tick" }
  | { type: "filter"; filter: ProductFilter }
  | PageInput;

/** How a socket closed. */
export interface Close {
  code: number;
  reason: string;
  /** When the service wants the next attempt, in milliseconds from now; null for never. */
  retry_after_ms?: unknown;
}

/** A token, as `parseToken` reads it. */
export interface Token {
  token: string;
  /** The `exp` claim in milliseconds since 1970, or `NEVER`. */
  expiresAt: number;
  /** Whose token it is; null if it does not say. */
  user: string | null;
}

export type Effect =
  | { type: "get_token" }
  | { type: "open"; token: string; position: Position | null; filter: ProductFilter }
  | { type: "send"; text: string }
  /** Close the socket, if there is one, and ignore it from now on. */
  | { type: "drop" }
  | Output;

export type Start = Pick<State, "position" | "filter" | "wasLive" | "conflate"> & { tuning: Partial<Tuning> };

export function initialState({ tuning, ...start }: Start): State {
  return {
    ...start,
    ...NO_DEADLINES,
    tuning: { ...DEFAULT_TUNING, ...tuning },
    phase: "idle",
    status: { state: start.wasLive ? "recovering" : "connecting", isStale: false },
    sentFilter: null,
    failures: 0,
    attemptAt: 0,
    notBefore: 0,
    patience: 1,
    isRecovered: false,
    replayUntil: 0,
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
