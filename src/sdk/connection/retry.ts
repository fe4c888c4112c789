import { fullJitter } from "../../protocol/backoff.ts";
import { type Draft, emit } from "./draft.ts";
import { NO_DEADLINES } from "./machine-state.ts";

/** When the next attempt begins. */

/** After a resume or a network change, clients spread their reconnects over this time. */
const RESUME_JITTER_MS = 500;
/** After this many failures, a hidden tab uses the slow back-off. */
const MAX_HIDDEN_FAILURES = 3;

export function backOff(draft: Draft): void {
  scheduleRetry(draft, draft.tuning.firstBackoffMs);
}

/**
 * Schedules a retry. Even the first one has full jitter, so that clients do not all reconnect at the same moment after a
 * restart of the service.
 */
export function scheduleRetry(draft: Draft, firstMs: number): void {
  const { maxBackoffMs, slowBackoffMs } = draft.tuning;
  const isSlow = !draft.isOnline || (!draft.isVisible && draft.failures >= MAX_HIDDEN_FAILURES);
  const delay = isSlow
    ? slowBackoffMs * (0.5 + draft.random() / 2)
    : fullJitter(draft.failures, firstMs, maxBackoffMs, draft.random());
  leavePhase(draft);
  draft.phase = "backoff";
  // Full jitter can be close to zero, so attempts also keep a minimum distance.
  draft.phaseEndsAt = Math.max(draft.now + delay, draft.failures && earliestRetry(draft));
  draft.failures++;
}

/** Retries at the request of the page, and forgets a refused token. */
export function retryNow(draft: Draft): void {
  leavePhase(draft);
  draft.refused = null;
  retryAt(draft, draft.now);
}

/** Retries within half a second: the page was resumed or shown, or the network changed. */
export function retrySoon(draft: Draft): void {
  retryAt(draft, Math.min(draft.phaseEndsAt, draft.now + draft.random() * RESUME_JITTER_MS));
}

export function retrySoonIfOnline(draft: Draft): void {
  if (draft.isOnline) retrySoon(draft);
}

function retryAt(draft: Draft, at: number): void {
  draft.phase = "backoff";
  draft.phaseEndsAt = Math.max(at, earliestRetry(draft));
}

const earliestRetry = (draft: Draft) => draft.attemptAt + draft.tuning.minRetryMs;

/** Leaves the phase: closes its socket, ignores its token request, and clears its deadlines. */
export function leavePhase(draft: Draft): void {
  if (draft.phase === "connecting" || draft.phase === "live") {
    draft.socket++;
    emit(draft, { type: "drop" });
  }
  draft.request++;
  draft.pendingPings = 0;
  Object.assign(draft, NO_DEADLINES);
}
