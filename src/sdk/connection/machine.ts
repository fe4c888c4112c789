import { CLOSE_RULES, DISCONNECTED_REASON, isCloseCode, retryOf, UNAUTHENTICATED } from "../../protocol/close-rules.ts";
import { PING } from "../../protocol/frames.ts";
import { type Draft, send } from "./draft.ts";
import { changeFilter, sendFilter } from "./filter.ts";
import { type Effect, type Input, NEVER, NO_DEADLINES, type State } from "./machine-state.ts";
import { receive } from "./receive.ts";
import type { Status } from "./types.ts";

/**
 * The life of a connection as a pure function: no socket, no clock, no chance of its own. Ours and not one of the
 * reconnecting sockets there are, because position, token and page life decide here when and how to come back.
 */

/** After a wake everybody comes back within this time, but not in the same moment. */
const WAKE_JITTER_MS = 500;
/** A tick that comes so late tells of a device or tab that slept. */
const SLEPT_MS = 5000;
/** So many quick tries a hidden tab has; after that nobody is in a hurry. */
const QUICK_HIDDEN_TRIES = 3;
/** No power of two beyond this one: the ceiling is reached long before. */
const MAX_DOUBLINGS = 16;
/** The least time between two fresh tokens. */
const MIN_REFRESH_MS = 1000;

/**
 * One step of a connection's life.
 * @param now Milliseconds since 1970.
 * @param random From 0 to 1, another one each time it is asked.
 * @returns The next state and what is to be done, in this order.
 */
export function step(state: State, input: Input, now: number, random: () => number): [State, Effect[]] {
  const d: Draft = { s: { ...state }, effects: [], now, random };
  apply(d, input);
  const { s } = d;
  s.status = statusOf(d);
  if (JSON.stringify(s.status) !== JSON.stringify(state.status)) d.effects.push({ type: "status", status: s.status });
  return [s, d.effects];
}

function apply(d: Draft, input: Input): void {
  const { s, now } = d;
  switch (input.type) {
    case "stop":
      end(d, 1000, "");
      return;
    case "connect":
      if (s.phase === "idle") {
        tryNow(d);
        return;
      }
      if (s.phase !== "closed" && s.phase !== "waiting") return;
      s.refused = null;
      retrySoon(d, now);
      return;
    case "refresh":
      if (s.phase === "live") {
        askForToken(d);
        return;
      }
      if (s.phase === "token" || s.phase === "opening") {
        // What is under way has the token before this one.
        drop(d);
        s.phase = "waiting";
      }
      apply(d, { type: "connect" });
      return;
    case "token":
      takeToken(d, input);
      return;
    case "token_failed":
      if (input.request !== s.request) return;
      if (s.phase === "token") comeBack(d, "backoff");
      else postponeRefresh(d);
      return;
    case "closed":
      if (input.socket === s.socket) lost(d, input);
      return;
    case "pong":
    case "frame":
      if (input.socket !== s.socket) return;
      // Only the last answer ends the waiting. Anything else may have lain here unread since before the device slept.
      if (input.type === "pong" && s.pings > 0) s.pings--;
      s.pongBy = s.pings === 0 ? NEVER : now + s.patienceMs;
      if (input.type === "frame") takeFrame(d, input.frame);
      return;
    case "tick":
      tick(d);
      return;
    case "online":
      s.isOnline = input.isOnline;
      lookAround(d);
      return;
    case "visible":
      s.isVisible = input.isVisible;
      if (s.isVisible) lookAround(d);
      return;
    case "sleep":
      if (s.phase === "idle" || s.phase === "closed") return;
      drop(d);
      s.phase = "asleep";
      return;
    case "wake":
      lookAround(d);
      return;
    case "filter":
      changeFilter(d, input);
      return;
  }
}

function takeFrame(d: Draft, frame: unknown): void {
  const result = receive(d, frame);
  if (result === "established") established(d);
  if (result === "expiring" && d.s.refreshBy === NEVER) scheduleRefresh(d, d.now);
  // What is behind a hole comes again after the events that are missing.
  if (result === "hole") comeBack(d, "backoff");
}

/** Somebody looks, or the network changed: ask a live socket whether it is, and wait no longer for another. */
function lookAround(d: Draft): void {
  const { s, now } = d;
  if (s.phase === "live") ping(d, s.tuning.wakeTimeoutMs);
  const soon = now + d.random() * WAKE_JITTER_MS;
  if (s.phase === "asleep") retrySoon(d, soon);
  if (s.phase === "waiting" && s.isOnline) retrySoon(d, Math.min(s.phaseEndsAt, soon));
}

function tick(d: Draft): void {
  const { s, now } = d;
  if (now >= s.phaseEndsAt) {
    if (s.phase === "waiting") tryNow(d);
    else comeBack(d, "backoff");
  }
  if (now >= s.stableAt) {
    s.stableAt = NEVER;
    s.attempt = 0;
    s.refused = null;
    s.holeAfter = null;
  }
  if (now >= s.pongBy) {
    // The answer may have come while nobody could read it: ask once more before it counts as dead.
    if (now < s.pongBy + SLEPT_MS || s.pings > 1) comeBack(d, "backoff");
    else {
      s.pongBy = NEVER;
      ping(d, s.tuning.wakeTimeoutMs);
    }
  }
  // Whoever slept that long is likely to have lost the socket. The timers of a hidden tab are late anyway.
  const hasSlept = s.isVisible && now >= s.pingAt + SLEPT_MS;
  if (now >= s.pingAt) ping(d, hasSlept ? s.tuning.wakeTimeoutMs : s.tuning.heartbeatTimeoutMs);
  if (now >= s.filterAt) sendFilter(d);
  if (now >= s.refreshBy) postponeRefresh(d);
  if (now >= s.refreshAt) askForToken(d);
}

function tryNow(d: Draft): void {
  const { s, now } = d;
  s.phase = "token";
  s.attemptAt = now;
  s.phaseEndsAt = requestToken(d);
}

/** @returns By when the token has to be there. */
function requestToken({ s, now, effects }: Draft): number {
  effects.push({ type: "get_token", request: ++s.request });
  return now + s.tuning.connectTimeoutMs;
}

function takeToken(d: Draft, input: { request: number; token: string; expiresAt: number }): void {
  const { s, now } = d;
  const { token } = input;
  if (input.request !== s.request) return;
  if (s.phase === "token") {
    if (token === s.refused?.token) {
      end(d, UNAUTHENTICATED, s.refused.reason);
      return;
    }
    s.phase = "opening";
    s.phaseEndsAt = now + s.tuning.connectTimeoutMs;
    s.openedWith = s.products;
    const { position, products } = s;
    d.effects.push({ type: "open", socket: ++s.socket, token, position, products });
  } else if (token === s.token) {
    postponeRefresh(d);
    return;
  } else send(d, JSON.stringify({ type: "authenticate", token }));
  s.token = token;
  s.tokenAt = now;
  s.tokenEnds = input.expiresAt;
  s.refreshBy = NEVER;
  if (s.phase === "live") scheduleRefresh(d);
}

/** Plans a fresh token for `at`, but never at once for one that is in the first half of its life. */
function scheduleRefresh(d: Draft, at?: number): void {
  const { s, now } = d;
  const ends = s.tokenEnds + s.skewMs;
  if (at === undefined && ends <= now) {
    // It came just now and has ended: our clock was set forward. The next frame tells by how much, and the service's
    // hint comes in time by its own clock.
    s.skewMs = NEVER;
    return;
  }
  const half = s.tokenAt + (ends - s.tokenAt) / 2;
  s.refreshAt = Math.max(at ?? ends - s.tuning.refreshLeadMs, now + MIN_REFRESH_MS, half);
}

function askForToken(d: Draft): void {
  d.s.refreshAt = NEVER;
  d.s.refreshBy = requestToken(d);
}

/** No fresh token now. The socket lives on as long as the old one does. */
function postponeRefresh(d: Draft): void {
  const { s, now } = d;
  s.refreshBy = NEVER;
  s.request++;
  s.refreshAt = now + MIN_REFRESH_MS + d.random() * s.tuning.refreshLeadMs * 0.2;
}

function established(d: Draft): void {
  const { s, now } = d;
  s.phase = "live";
  s.phaseEndsAt = NEVER;
  s.wasLive = true;
  s.stableAt = now + s.tuning.stableMs;
  s.pingAt = now + s.tuning.heartbeatMs;
  scheduleRefresh(d);
  // The page may have changed it while the socket was being opened.
  sendFilter(d);
}

function lost(d: Draft, { code, reason }: { code: number; reason: string }): void {
  const { s } = d;
  // The token may have ended: once, a fresh one is worth a try.
  const isForToken = code === UNAUTHENTICATED && reason !== DISCONNECTED_REASON && s.refused === null;
  const retry = isForToken ? "now" : retryOf(code);
  s.phase = "waiting";
  s.socket++;
  if (retry === "never") {
    end(d, code, reason);
    return;
  }
  if (isForToken) s.refused = { token: s.token, reason };
  comeBack(d, retry);
}

/**
 * Another try, at a random moment within a time that doubles with every failure (full jitter, from the first one on):
 * after a restart of the service everybody comes back, but not at once.
 */
function comeBack(d: Draft, retry: "backoff" | "now"): void {
  const { s, now } = d;
  const { firstBackoffMs, maxBackoffMs, slowBackoffMs } = s.tuning;
  const hasTime = !s.isOnline || (!s.isVisible && s.attempt >= QUICK_HIDDEN_TRIES);
  const first = retry === "now" ? firstBackoffMs / 2 : firstBackoffMs;
  const ceiling = Math.min(maxBackoffMs, first * 2 ** Math.min(s.attempt, MAX_DOUBLINGS));
  const delay = hasTime ? slowBackoffMs * (0.5 + d.random() / 2) : ceiling * d.random();
  drop(d);
  s.phase = "waiting";
  // Chance alone would allow many tries in a row: between failures there is always some time.
  s.phaseEndsAt = Math.max(now + delay, s.attempt > 0 ? earliestRetry(d) : now);
  s.attempt++;
}

function retrySoon(d: Draft, at: number): void {
  d.s.phase = "waiting";
  d.s.phaseEndsAt = Math.max(at, earliestRetry(d));
}

const earliestRetry = ({ s }: Draft) => s.attemptAt + s.tuning.minRetryMs;

function end(d: Draft, code: number, message: string): void {
  const { s } = d;
  if (s.phase === "closed") return;
  drop(d);
  s.phase = "closed";
  s.notLiveSince = Math.min(s.notLiveSince, d.now);
  const name = isCloseCode(code) ? CLOSE_RULES[code].name : code === 1000 ? "closed" : "unknown";
  const userMustAct = name === "unauthenticated" || name === "access_denied";
  s.status = { state: "closed", isStale: true, reason: { code, name, message, userMustAct } };
}

/** Leaves the socket and whatever else is waited for. */
function drop({ s, effects }: Draft): void {
  if (s.phase === "opening" || s.phase === "live") {
    s.socket++;
    effects.push({ type: "drop" });
  }
  s.request++;
  s.pings = 0;
  Object.assign(s, NO_DEADLINES);
}

function statusOf({ s, now }: Draft): Status {
  if (s.phase === "closed") return s.status;
  const isReplaying = s.position !== null && s.position.seq < s.replayUntil;
  if (s.phase === "live" && !isReplaying) {
    s.notLiveSince = NEVER;
    return { state: "live", isStale: false, recovered: s.isRecovered };
  }
  s.notLiveSince = Math.min(s.notLiveSince, now);
  const isStale = now >= s.notLiveSince + s.tuning.staleMs;
  if (s.phase !== "live" && !s.isOnline) return { state: "offline", isStale };
  return { state: s.wasLive ? "recovering" : "connecting", isStale };
}

function ping(d: Draft, timeoutMs: number): void {
  const { s, now } = d;
  s.pingAt = now + s.tuning.heartbeatMs;
  s.pings++;
  s.patienceMs = timeoutMs;
  s.pongBy = Math.min(s.pongBy, now + timeoutMs);
  send(d, PING);
}
