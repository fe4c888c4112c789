import type { Output } from "./output.ts";
import { DEFAULT_TUNING, type Tuning } from "./tuning.ts";
import type { Position, Status } from "./types.ts";

/** What the state machine of a connection knows, is told, and asks for. */

/** No deadline. */
export const NEVER = Number.POSITIVE_INFINITY;

/** What rings in a connection's life, in milliseconds since 1970; `NEVER` when nothing is planned. */
export interface Deadlines {
  /** The next try, or the end of patience with a token or a socket. */
  phaseEndsAt: number;
  pingAt: number;
  pongBy: number;
  stableAt: number;
  /** When a fresh token is fetched, and by when it has to be there. */
  refreshAt: number;
  refreshBy: number;
  /** When the service is told of changes to the filter. */
  filterAt: number;
}

export const NO_DEADLINES: Readonly<Deadlines> = {
  phaseEndsAt: NEVER,
  pingAt: NEVER,
  pongBy: NEVER,
  stableAt: NEVER,
  refreshAt: NEVER,
  refreshBy: NEVER,
  filterAt: NEVER,
};

export interface State extends Readonly<Deadlines> {
  readonly tuning: Tuning;
  /** `waiting` for the next try, for the `token`, for the first frame (`opening`); `asleep` with the page. */
  readonly phase: "idle" | "waiting" | "token" | "opening" | "live" | "asleep" | "closed";
  readonly status: Status;
  readonly position: Position | null;
  /** The filter as the page wants it, and as the socket was opened with; null for everything. */
  readonly products: readonly string[] | null;
  readonly openedWith: readonly string[] | null;
  /** Which request for a token, and which socket, counts: what older ones say is too late. No socket has this number
   * while none is open. */
  readonly request: number;
  readonly socket: number;
  /** Tries since the last success, and when the last one began. */
  readonly attempt: number;
  readonly attemptAt: number;
  /** The token in use, and the one that the service refused since the last success, with what it said. */
  readonly token: string | null;
  readonly refused: { readonly token: string | null; readonly reason: string } | null;
  readonly wasLive: boolean;
  readonly isRecovered: boolean;
  /** The events up to this `seq` are being replayed. */
  readonly replayUntil: number;
  /** The `seq` before a hole that made it come back. */
  readonly holeAfter: number | null;
  readonly isOnline: boolean;
  readonly isVisible: boolean;
  /** How many times it sent a `ping` that is not answered yet, and how long it waits for a sign of life meanwhile. */
  readonly pings: number;
  readonly patienceMs: number;
  /** When the token came (our clock) and ends (the service's clock); `NEVER` when that is not known. */
  readonly tokenAt: number;
  readonly tokenEnds: number;
  /** The smallest (our clock − the service's clock) on this connection. */
  readonly skewMs: number;
  readonly lagMs: number | null;

  /** Since when it is not live; `NEVER` while it is. */
  readonly notLiveSince: number;
}

export type Input =
  /** Begins, also after a stop; or tries now instead of later. */
  | { type: "connect" }
  | { type: "stop" }
  /** The page has another token. */
  | { type: "refresh" }
  /** @param expiresAt The token's own `exp`, in milliseconds since 1970, or `NEVER` when it cannot be read. */
  | { type: "token"; request: number; token: string; expiresAt: number }
  | { type: "token_failed"; request: number }
  | { type: "frame"; socket: number; frame: unknown }
  /** The answer to the oldest `ping`. */
  | { type: "pong"; socket: number }
  | { type: "closed"; socket: number; code: number; reason: string }
  /** A deadline has come. */
  | { type: "tick" }
  | { type: "online"; isOnline: boolean }
  | { type: "visible"; isVisible: boolean }
  /** The page is put away (back-forward cache, frozen tab), and comes back. */
  | { type: "sleep" }
  | { type: "wake" }
  | { type: "filter"; productIds: readonly string[]; isAdded: boolean };

export type Effect =
  | { type: "get_token"; request: number }
  | {
      type: "open";
      socket: number;
      token: string;
      position: Position | null;
      products: readonly string[] | null;
    }
  | { type: "send"; text: string }
  /** Close the socket and forget it. */
  | { type: "drop" }
  | Output;

export interface Start {
  position: Position | null;
  products: readonly string[] | null;
  /** Whether a connection that this one goes on from was live. */
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
    openedWith: null,
    request: 0,
    socket: 0,
    attempt: 0,
    attemptAt: -NEVER,
    token: null,
    refused: null,
    wasLive,
    isRecovered: false,
    replayUntil: 0,
    holeAfter: null,
    isOnline: true,
    isVisible: true,
    pings: 0,
    patienceMs: 0,
    tokenAt: 0,
    tokenEnds: NEVER,
    skewMs: 0,
    lagMs: null,
    notLiveSince: NEVER,
  };
}

/** When the machine wants its next `tick`, in milliseconds since 1970; `NEVER` when nothing is due. */
export function nextTick(state: State): number {
  const { notLiveSince, status, tuning } = state;
  const staleAt = status.isStale ? NEVER : notLiveSince + tuning.staleMs;
  // The object has the keys of its type, and no others.
  const deadlines = Object.keys(NO_DEADLINES) as (keyof Deadlines)[];
  return Math.min(staleAt, ...deadlines.map((name) => state[name]));
}
