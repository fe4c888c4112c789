import { fullJitter } from "../../protocol/backoff.ts";
import type { Draft } from "./draft.ts";
import { NO_DEADLINES } from "./machine-state.ts";

/** When the next attempt begins. */

/** After a freeze or a network change, clients reconnect within this time, but not all at once. */
const RESUME_JITTER_MS = 500;
/** After this many failures, a hidden tab retries slowly. */
const MAX_HIDDEN_FAILURES = 3;

export function backOff(draft: Draft): void {
  scheduleRetry(draft, draft.tuning.firstBackoffMs);
}

/**
 * Schedules a retry with full jitter, from the first one on: after a restart of the service, all clients reconnect, but
 * not all at once.
 */
export function scheduleRetry(draft: Draft, firstMs: number): void {
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
