import { fullJitter } from "../../protocol/backoff.ts";
import {
  type ABNORMAL_CLOSURE,
  CLOSE_NAMES,
  type CloseCode,
  DISCONNECTED_REASON,
  retryOf,
  UNAUTHENTICATED,
} from "../../protocol/close-rules.ts";
import type { Draft } from "./draft.ts";
import { type Close, NO_DEADLINES } from "./machine-state.ts";
import { isInteger } from "./position.ts";

/** Schedules the next attempt, or ends the connection. */

/** With every timeout, the next attempt waits longer for its messages: the link may be slow. */
const MAX_PATIENCE = 4;
const ACCESS_DENIED = 4003 satisfies CloseCode;
/** After a freeze or a network change, clients reconnect within this time, but not all at once. */
const RESUME_JITTER_MS = 500;
/** After this many failures, a hidden tab retries slowly. */
const MAX_HIDDEN_FAILURES = 3;

/** Retries after a close, or ends the connection if its code is final. */
export function handleClose(draft: Draft, { code, reason, retry_after_ms: retryAfterMs }: Close): void {
  // The token may have expired: retry once with a fresh one.
  const isTokenRefused = code === UNAUTHENTICATED && reason !== DISCONNECTED_REASON && !draft.refused;
  const retry = isTokenRefused ? "now" : retryAfterMs === null ? "never" : retryOf(code);
  if (isTokenRefused) draft.refused = { token: draft.token, reason };
  if (retry === "never") end(draft, code, reason);
  else {
    draft.cause = { code, name: closeNameOf(code), message: reason };
    draft.notBefore = isInteger(retryAfterMs) ? draft.now + retryAfterMs : 0;
    scheduleRetry(draft, draft.tuning.firstBackoffMs / (retry === "now" ? 2 : 1));
  }
}

// Other codes have no name, whatever the cast says.
const closeNameOf = (code: number) => CLOSE_NAMES[code as CloseCode] ?? "unknown";

/** The service did not answer in time. */
export function timeOut(draft: Draft): void {
  draft.patience = Math.min(draft.patience * 2, MAX_PATIENCE);
  handleClose(draft, { code: 1006 satisfies typeof ABNORMAL_CLOSURE, reason: "No answer" });
}

export function end(draft: Draft, code: number, message: string): void {
  leavePhase(draft);
  draft.phase = "closed";
  const name = code === 1000 ? "closed" : closeNameOf(code);
  const userMustAct = code === UNAUTHENTICATED || code === ACCESS_DENIED;
  draft.status = { state: "closed", isStale: true, reason: { code, name, message, userMustAct } };
}

export function backOff(draft: Draft): void {
  scheduleRetry(draft, draft.tuning.firstBackoffMs);
}

/**
 * Schedules a retry with full jitter, from the first one on: after a restart of the service, all clients reconnect, but
 * not all at once.
 */
function scheduleRetry(draft: Draft, firstMs: number): void {
  const { maxBackoffMs, slowBackoffMs } = draft.tuning;
  const isSlow = !draft.isOnline || (!draft.isVisible && draft.failures >= MAX_HIDDEN_FAILURES);
  const delay = isSlow
    ? slowBackoffMs * (0.5 + draft.random() / 2)
    : fullJitter(draft.failures, firstMs, maxBackoffMs, draft.random());
  // Jitter alone would allow many attempts in a row.
  retryAt(draft, draft.now + delay, draft.failures && draft.tuning.minRetryMs);
  draft.failures++;
}

/** A retry that the page or the user asked for. */
export function retryNow(draft: Draft): void {
  draft.refused = undefined;
  draft.notBefore = 0;
  retryAt(draft, draft.now);
}

/** The page was resumed or shown, or the network changed. A browser may be wrong about having no network. */
export function retrySoon(draft: Draft): void {
  const delay = draft.isOnline ? draft.random() * RESUME_JITTER_MS : draft.tuning.slowBackoffMs;
  retryAt(draft, Math.min(draft.phaseEndsAt, draft.now + delay));
}

export function retryAt(draft: Draft, at: number, minRetryMs = draft.tuning.minRetryMs): void {
  leavePhase(draft);
  draft.phase = "backoff";
  draft.phaseEndsAt = Math.max(at, draft.attemptAt + minRetryMs, draft.notBefore);
}

/** Leaves the phase: closes its socket, if there is one, and clears its deadlines. */
export function leavePhase(draft: Draft): void {
  draft.effects.push({ type: "drop" });
  draft.pendingPings = 0;
  Object.assign(draft, NO_DEADLINES);
}
