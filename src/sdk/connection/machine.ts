import { fullJitter } from "../../protocol/backoff.ts";
import {
  CLOSE_RULES,
  type CloseCode,
  DISCONNECTED_REASON,
  isCloseCode,
  retryOf,
  UNAUTHENTICATED,
} from "../../protocol/close-rules.ts";
import { type Draft, emit, sendMessage } from "./draft.ts";
import { receiveFirstFrame, receiveFrame } from "./frames.ts";
import { extendPongTimeout, probe, receivePong, tickHeartbeat } from "./heartbeat.ts";
import { type Effect, type Input, NEVER, NO_DEADLINES, type Phase, type State } from "./machine-state.ts";
import { filterMessages } from "./product-filter.ts";
import {
  authenticate,
  keepToken,
  postponeRefresh,
  refreshToken,
  requestToken,
  scheduleRefresh,
} from "./token-refresh.ts";
import type { Status } from "./types.ts";

/**
 * The life of a connection as a pure state machine, without a socket, clock, timer or randomness of its own; `driver.ts`
 * runs it. It is not one of the reconnecting-socket libraries, because position, token and page lifecycle decide when
 * and how to reconnect.
 *
 *            connect               token               first frame
 *     idle ----------> authorizing ------> connecting -------------> live
 *                       ^       |              |                      |
 *             retry due |       | failed,      | closed,              | closed, no pong,
 *                       |       | late         | late                 | missing event
 *                       |       v              v                      v
 *                       backoff <--------------+----------------------+
 *                        ^   ^
 *                resume  |   |  connect, refresh
 *                        |   |
 *               suspended     closed
 *
 *     suspended: the page is frozen; from any phase but idle and closed
 *     closed:    close(), a final close code, or a token that was refused twice; from any phase
 */

const ACCESS_DENIED = 4003 satisfies CloseCode;
/** After a freeze or a network change, clients reconnect within this time, but not all in the same moment. */
const RESUME_JITTER_MS = 500;
/** After this many failures, a hidden tab retries slowly. */
const MAX_HIDDEN_FAILURES = 3;
/** Filter changes within this time are sent together: pages add products one by one, and messages are rate limited. */
const FILTER_DELAY_MS = 100;

/**
 * Applies one input.
 * @param now Milliseconds since 1970.
 * @param random Returns a new number from 0 up to 1 on each call.
 * @returns The next state, and the effects to run in this order.
 */
export function step(state: State, input: Input, now: number, random: () => number): [State, Effect[]] {
  const draft: Draft = { ...state, effects: [], now, random };
  if (input.type === "online") draft.isOnline = input.isOnline;
  if (input.type === "visible") draft.isVisible = input.isVisible;
  if (input.type === "filter") draft.filter = input.filter;
  if (!isIgnored(state, input)) {
    // The table pairs each type of input with a transition that takes it, which the compiler cannot follow.
    (TRANSITIONS[state.phase][input.type] as Transition | undefined)?.(draft, input);
  }
  const status = statusOf(draft);
  draft.status = status;
  if (JSON.stringify(status) !== JSON.stringify(state.status)) emit(draft, { type: "status", status });
  const { effects, now: _now, random: _random, ...next } = draft;
  return [next, effects];
}

/** An answer to an earlier request, a message of an earlier socket, or a page that is being hidden. */
function isIgnored({ request, socket }: State, input: Input): boolean {
  if ("request" in input) return input.request !== request;
  if ("socket" in input) return input.socket !== socket;
  return input.type === "visible" && !input.isVisible;
}

type Transition<I extends Input = Input> = (draft: Draft, input: I) => void;
type Transitions = { readonly [T in Input["type"]]?: Transition<Extract<Input, { type: T }>> };

/** What each phase does about each input. A phase ignores the inputs that it does not list. */
const TRANSITIONS: { readonly [P in Phase]: Transitions } = {
  idle: {
    connect: authorize,
    refresh: authorize,
    close,
  },
  authorizing: {
    refresh: retryNow,
    token: openSocket,
    token_failed: backOff,
    tick: whenDue(backOff),
    suspend,
    close,
  },
  connecting: {
    refresh: retryNow,
    frame: goLive,
    socket_closed: handleClose,
    tick: whenDue(backOff),
    suspend,
    close,
  },
  live: {
    refresh: refreshToken,
    token: authenticate,
    token_failed: postponeRefresh,
    frame: handleFrame,
    pong: receivePong,
    filter: scheduleFilter,
    socket_closed: handleClose,
    tick: tickLive,
    online: probe,
    visible: probe,
    resume: probe,
    suspend,
    close,
  },
  backoff: {
    connect: retryNow,
    refresh: retryNow,
    tick: whenDue(authorize),
    online: hurry,
    visible: hurry,
    resume: hurry,
    suspend,
    close,
  },
  suspended: {
    online: retrySoon,
    visible: retrySoon,
    resume: retrySoon,
    close,
  },
  closed: {
    connect: retryNow,
    refresh: retryNow,
  },
};

/** Runs a transition on the first tick after the end of the phase. */
function whenDue(transition: (draft: Draft) => void): (draft: Draft) => void {
  return (draft) => {
    if (draft.now >= draft.phaseEndsAt) transition(draft);
  };
}

function authorize(draft: Draft): void {
  draft.phase = "authorizing";
  draft.attemptAt = draft.now;
  draft.phaseEndsAt = requestToken(draft);
}

function openSocket(draft: Draft, input: { token: string; expiresAt: number }): void {
  const { token } = input;
  const { position, filter } = draft;
  if (token === draft.refused?.token) {
    end(draft, UNAUTHENTICATED, draft.refused.reason);
    return;
  }
  draft.phase = "connecting";
  draft.phaseEndsAt = draft.now + draft.tuning.connectTimeoutMs;
  draft.sentFilter = filter;
  keepToken(draft, input);
  emit(draft, { type: "open", socket: ++draft.socket, token, position, filter });
}

function goLive(draft: Draft, { frame }: { frame: unknown }): void {
  if (!receiveFirstFrame(draft, frame)) return;
  draft.phase = "live";
  draft.phaseEndsAt = NEVER;
  draft.wasLive = true;
  draft.stableAt = draft.now + draft.tuning.stableMs;
  draft.pingAt = draft.now + draft.tuning.heartbeatMs;
  scheduleRefresh(draft);
  // The page may have changed the filter since the socket was opened.
  sendFilter(draft);
}

function handleFrame(draft: Draft, { frame }: { frame: unknown }): void {
  extendPongTimeout(draft);
  // After a reconnect the service sends the missing event, and this one again.
  if (receiveFrame(draft, frame)) backOff(draft);
}

function tickLive(draft: Draft): void {
  if (draft.now >= draft.stableAt) {
    draft.stableAt = NEVER;
    draft.failures = 0;
    draft.refused = null;
    draft.missingAfter = null;
  }
  if (tickHeartbeat(draft)) backOff(draft);
  if (draft.now >= draft.sendFilterAt) sendFilter(draft);
  if (draft.now >= draft.refreshBy) postponeRefresh(draft);
  if (draft.now >= draft.refreshAt) refreshToken(draft);
}

function scheduleFilter(draft: Draft): void {
  if (draft.sendFilterAt === NEVER) draft.sendFilterAt = draft.now + FILTER_DELAY_MS;
}

function sendFilter(draft: Draft): void {
  for (const message of filterMessages(draft.sentFilter, draft.filter)) sendMessage(draft, message);
  draft.sendFilterAt = NEVER;
  draft.sentFilter = draft.filter;
}

function handleClose(draft: Draft, { code, reason }: { code: number; reason: string }): void {
  const { firstBackoffMs } = draft.tuning;
  // The token may have expired: a fresh one is worth one try.
  const isTokenRefused = code === UNAUTHENTICATED && reason !== DISCONNECTED_REASON && !draft.refused;
  const retry = isTokenRefused ? "now" : retryOf(code);
  // The socket is closed already, so there is nothing to drop.
  draft.phase = "backoff";
  draft.socket++;
  if (isTokenRefused) draft.refused = { token: draft.token, reason };
  if (retry === "never") end(draft, code, reason);
  else scheduleRetry(draft, retry === "now" ? firstBackoffMs / 2 : firstBackoffMs);
}

function backOff(draft: Draft): void {
  scheduleRetry(draft, draft.tuning.firstBackoffMs);
}

/**
 * Schedules a retry with full jitter, from the first one on: after a restart of the service, all clients reconnect, but
 * not all in the same moment.
 */
function scheduleRetry(draft: Draft, firstMs: number): void {
  const { maxBackoffMs, slowBackoffMs } = draft.tuning;
  const isSlow = !draft.isOnline || (!draft.isVisible && draft.failures >= MAX_HIDDEN_FAILURES);
  const delay = isSlow
    ? slowBackoffMs * (0.5 + draft.random() / 2)
    : fullJitter(draft.failures, firstMs, maxBackoffMs, draft.random());
  drop(draft);
  draft.phase = "backoff";
  // Jitter alone would allow many attempts in a row.
  draft.phaseEndsAt = Math.max(draft.now + delay, draft.failures && earliestRetry(draft));
  draft.failures++;
}

/** A retry that the page or the user asked for. */
function retryNow(draft: Draft): void {
  drop(draft);
  draft.refused = null;
  retryAt(draft, draft.now);
}

/** The page was resumed or shown, or the network changed. */
function retrySoon(draft: Draft): void {
  retryAt(draft, Math.min(draft.phaseEndsAt, draft.now + draft.random() * RESUME_JITTER_MS));
}

function hurry(draft: Draft): void {
  if (draft.isOnline) retrySoon(draft);
}

function retryAt(draft: Draft, at: number): void {
  draft.phase = "backoff";
  draft.phaseEndsAt = Math.max(at, earliestRetry(draft));
}

const earliestRetry = (draft: Draft) => draft.attemptAt + draft.tuning.minRetryMs;

function suspend(draft: Draft): void {
  drop(draft);
  draft.phase = "suspended";
}

function close(draft: Draft): void {
  end(draft, 1000, "");
}

function end(draft: Draft, code: number, message: string): void {
  drop(draft);
  draft.phase = "closed";
  const name = isCloseCode(code) ? CLOSE_RULES[code].name : code === 1000 ? "closed" : "unknown";
  const userMustAct = code === UNAUTHENTICATED || code === ACCESS_DENIED;
  draft.status = { state: "closed", isStale: true, reason: { code, name, message, userMustAct } };
}

/** Leaves the phase: closes its socket, ignores its token request, and clears its deadlines. */
function drop(draft: Draft): void {
  if (draft.phase === "connecting" || draft.phase === "live") {
    draft.socket++;
    emit(draft, { type: "drop" });
  }
  draft.request++;
  draft.pendingPings = 0;
  Object.assign(draft, NO_DEADLINES);
}

function statusOf(draft: Draft): Status {
  const { phase, position, wasLive, isRecovered } = draft;
  const isReplaying = position !== null && position.seq < draft.replayUntil;
  if (phase === "live" && !isReplaying) {
    draft.staleAt = NEVER;
    return { state: "live", isStale: false, recovered: isRecovered };
  }
  draft.staleAt = Math.min(draft.staleAt, draft.now + draft.tuning.staleMs);
  if (phase === "closed") return draft.status;
  const isStale = draft.now >= draft.staleAt;
  if (phase !== "live" && !draft.isOnline) return { state: "offline", isStale };
  return { state: wasLive ? "recovering" : "connecting", isStale };
}
