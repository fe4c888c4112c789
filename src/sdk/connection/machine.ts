import { UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import { close, end, handleClose } from "./closing.ts";
import { type Draft, emit, sendMessage } from "./draft.ts";
import { receiveFirstFrame, receiveFrame } from "./frames.ts";
import { extendPongTimeout, probe, receivePong, tickHeartbeat } from "./heartbeat.ts";
import { type Effect, type Input, NEVER, type Phase, type State } from "./machine-state.ts";
import { filterMessages } from "./product-filter.ts";
import { backOff, leavePhase, retryNow, retrySoon, retrySoonIfOnline } from "./retry.ts";
import { keepToken, postponeRefresh, refreshToken, requestToken, scheduleRefresh, sendToken } from "./token-refresh.ts";

/**
 * The life of a connection as a pure state machine: no socket, clock, timer or randomness. `driver.ts` runs it.
 * Reconnecting-socket libraries do not fit, because position, token and page lifecycle decide when and how to reconnect.
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

/** Changes of the filter within this time share a message: pages add products one by one, and messages are limited. */
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
    // The table pairs each input type with a transition that accepts it; the compiler cannot follow that.
    (TRANSITIONS[state.phase][input.type] as Transition | undefined)?.(draft, input);
  }
  updateStatus(draft);
  const { status } = draft;
  if (JSON.stringify(status) !== JSON.stringify(state.status)) emit(draft, { type: "status", status });
  const { effects, now: _now, random: _random, ...next } = draft;
  return [next, effects];
}

/** Whether an input belongs to an earlier token request or socket, or only says that the page was hidden. */
function isIgnored({ request, socket }: State, input: Input): boolean {
  if ("request" in input) return input.request !== request;
  if ("socket" in input) return input.socket !== socket;
  return input.type === "visible" && !input.isVisible;
}

type Transition<I extends Input = Input> = (draft: Draft, input: I) => void;
type Transitions = { readonly [T in Input["type"]]?: Transition<Extract<Input, { type: T }>> };

/** How each phase handles each input. A phase ignores the inputs that it does not list. */
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
    token: sendToken,
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
    online: retrySoonIfOnline,
    visible: retrySoonIfOnline,
    resume: retrySoonIfOnline,
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

function suspend(draft: Draft): void {
  leavePhase(draft);
  draft.phase = "suspended";
}

/** Derives the status that the page sees, and when it becomes stale. */
function updateStatus(draft: Draft): void {
  const { phase, position, wasLive, isRecovered } = draft;
  const isReplaying = position !== null && position.seq < draft.replayUntil;
  if (phase === "live" && !isReplaying) {
    draft.staleAt = NEVER;
    draft.status = { state: "live", isStale: false, recovered: isRecovered };
    return;
  }
  draft.staleAt = Math.min(draft.staleAt, draft.now + draft.tuning.staleMs);
  if (phase === "closed") return;
  const isOffline = phase !== "live" && !draft.isOnline;
  const state = isOffline ? "offline" : wasLive ? "recovering" : "connecting";
  draft.status = { state, isStale: draft.now >= draft.staleAt };
}
