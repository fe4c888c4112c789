import { UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import { type Draft, sendMessage } from "./draft.ts";
import { closeOf, isEstablished, receiveFrame, takeSnapshot } from "./frames.ts";
import { probe, receivePong, tickHeartbeat } from "./heartbeat.ts";
import { type Effect, type Input, NEVER, type Phase, type State, type Token } from "./machine-state.ts";
import { filterMessages } from "./product-filter.ts";
import { backOff, end, handleClose, leavePhase, retryAt, retryNow, retrySoon, timeOut } from "./retry.ts";
import type { Transitions } from "./runner.ts";
import { keepToken, postponeRefresh, requestToken, scheduleRefresh, sendToken } from "./token-refresh.ts";
import type { Status } from "./types.ts";

/**
 * The life of a connection as a pure state machine, without a socket, clock, timer or randomness of its own; `driver.ts`
 * runs it. It is not one of the reconnecting-socket libraries, because position, token and page lifecycle decide when
 * and how to reconnect.
 *
 *            connect               token               first frame
 *     idle ----------> authorizing ------> connecting -------------> live
 *                       ^       |              |                      |
 *             retry due |       | failed       | closed,              | closed, no pong,
 *                       |       |              | late                 | missing event
 *                       |       v              v                      v
 *                       backoff <--------------+----------------------+
 *                          ^
 *                          |  connect, refresh
 *                          |
 *                        closed
 *
 *     connect:   in any phase but idle, abandons the current attempt and retries; so does refresh, except in live
 *     live:      a token of another user leads to connecting, without the position
 *     suspend:   the page is frozen; leads from any phase but idle and closed to a backoff that ends on resume
 *     closed:    close(), a final close code, or a token that was refused twice; from any phase but idle
 */

/** Filter changes within this time are sent together: pages add products one by one, and messages are rate limited. */
const FILTER_DELAY_MS = 100;

/**
 * After failures, Firefox keeps a new socket waiting for up to 60 s before it connects (RFC 6455, section 7.2.3). Giving
 * up earlier would only add a back-off.
 */
const MAX_CONNECT_PATIENCE = 7;

/**
 * Applies one input.
 * @param now Milliseconds since 1970.
 * @param random Returns a new number from 0 up to 1 on each call.
 * @returns The next state, and the effects to run in this order.
 */
export function step(state: State, taken: Input, now: number, random: () => number): [State, Effect[]] {
  // Acts on an announced close at once: the close itself may arrive seconds later.
  const input = (taken.type === "frame" && closeOf(taken.frame)) || taken;
  const draft: Draft = { ...state, effects: [], now, random };
  if (input.type === "online") draft.isOnline = input.isOnline;
  if (input.type === "visible") draft.isVisible = true;
  if (input.type === "hidden") draft.isVisible = false;
  if (input.type === "filter") draft.filter = input.filter;
  if (input.type === "token_failed") draft.cause = noToken(input.message);
  // The table pairs each type of input with a transition that takes it, which the compiler cannot follow.
  (TRANSITIONS[state.phase][input.type] as ((draft: Draft, input: Input) => void) | undefined)?.(draft, input);
  const status = updateStatus(draft);
  draft.status = status;
  if (JSON.stringify(status) !== JSON.stringify(state.status)) draft.effects.push({ type: "status", status });
  const { effects, now: _now, random: _random, ...next } = draft;
  return [next, effects];
}

const RETRY_INPUTS = { connect: retryNow, refresh: retryNow };
const OPEN = {
  ...RETRY_INPUTS,
  suspend: (draft: Draft) => retryAt(draft, NEVER),
  close: (draft: Draft) => end(draft, 1000, ""),
};

/** Each phase's transition for each input. A phase ignores the inputs that it does not list. */
const TRANSITIONS: { readonly [P in Phase]: Transitions<Draft, Input> } = {
  idle: {
    connect: authorize,
  },
  authorizing: {
    ...OPEN,
    token: openSocket,
    token_failed: backOff,
    tick: whenDue(waitForToken),
  },
  connecting: {
    ...OPEN,
    frame: goLive,
    socket_closed: handleClose,
    tick: whenDue(timeOut),
    online: retrySoon,
  },
  live: {
    ...OPEN,
    refresh: requestToken,
    token: replaceToken,
    token_failed: postponeRefresh,
    frame: receiveFrame,
    pong: receivePong,
    filter: scheduleFilter,
    socket_closed: handleClose,
    tick: tickLive,
    online: probe,
    visible: probe,
    resume: probe,
  },
  backoff: {
    ...OPEN,
    tick: whenDue(authorize),
    online: retrySoon,
    visible: retrySoon,
    resume: retrySoon,
  },
  closed: RETRY_INPUTS,
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
  requestToken(draft);
}

/** Keeps waiting for `getToken` and reports `no_token` meanwhile. Another call would not be faster. */
function waitForToken(draft: Draft): void {
  draft.phaseEndsAt = NEVER;
  draft.cause = noToken();
}

const noToken = (message?: unknown) =>
  ({ code: 0, name: "no_token", message: typeof message === "string" ? message : "No token yet" }) as const;

function openSocket(draft: Draft, input: Token): void {
  const { token } = input;
  const { filter, positionUser } = draft;
  if (token === draft.refused?.token) {
    end(draft, UNAUTHENTICATED, draft.refused.reason);
    return;
  }
  draft.phase = "connecting";
  const patience = Math.max(draft.patience, Math.min(draft.failures, MAX_CONNECT_PATIENCE));
  draft.phaseEndsAt = draft.now + draft.tuning.connectTimeoutMs * patience;
  draft.sentFilter = filter;
  keepToken(draft, input);
  // Another user starts without a position, and the page receives a gap and a snapshot.
  const position = (positionUser ?? input.user) === input.user ? draft.position : null;
  draft.effects.push({ type: "open", token, position, filter });
}

function goLive(draft: Draft, { frame }: { frame: unknown }): void {
  if (!isEstablished(frame)) return;
  takeSnapshot(draft, frame, frame.data.resumed === true);
  draft.phase = "live";
  draft.phaseEndsAt = NEVER;
  draft.wasLive = true;
  draft.cause = undefined;
  draft.stableAt = draft.now + draft.tuning.stableMs;
  draft.pingAt = draft.now + draft.tuning.heartbeatMs;
  scheduleRefresh(draft);
  // The page may have changed the filter since the socket was opened.
  sendFilter(draft);
}

function tickLive(draft: Draft): void {
  if (draft.now >= draft.stableAt) {
    draft.stableAt = NEVER;
    draft.failures = 0;
    draft.refused = undefined;
  }
  if (draft.now >= draft.sendFilterAt) sendFilter(draft);
  whenDue(waitForToken)(draft);
  if (draft.now >= draft.refreshAt) requestToken(draft);
  // Last, because it may leave the phase.
  tickHeartbeat(draft);
}

/** Opens another socket if the user changed, so that no user receives another's events. */
function replaceToken(draft: Draft, input: Token): void {
  if (input.user === draft.user) sendToken(draft, input);
  else {
    leavePhase(draft);
    openSocket(draft, input);
  }
}

function scheduleFilter(draft: Draft): void {
  draft.sendFilterAt = Math.min(draft.sendFilterAt, draft.now + FILTER_DELAY_MS);
}

function sendFilter(draft: Draft): void {
  for (const message of filterMessages(draft.sentFilter, draft.filter)) sendMessage(draft, message);
  draft.sendFilterAt = NEVER;
  draft.sentFilter = draft.filter;
}

/** Returns the status, and decides when it becomes stale. */
function updateStatus(draft: Draft): Status {
  const { phase, position, wasLive, isRecovered, cause } = draft;
  const isReplaying = position && position.seq < draft.replayUntil;
  if (phase === "live" && !isReplaying) {
    draft.staleAt = NEVER;
    return { state: "live", isStale: false, recovered: isRecovered, cause };
  }
  draft.staleAt = Math.min(draft.staleAt, draft.now + draft.tuning.staleMs);
  if (phase === "closed") return draft.status;
  const isOffline = phase !== "live" && !draft.isOnline;
  return {
    state: isOffline ? "offline" : wasLive ? "recovering" : "connecting",
    isStale: draft.now >= draft.staleAt,
    cause,
  };
}
