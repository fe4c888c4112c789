import { type Draft, sendMessage } from "./draft.ts";
import { NEVER, type Token } from "./machine-state.ts";

/** Tokens: requesting one, and replacing it on a live connection before it expires. */

/** The minimum time between two refreshes. */
const MIN_REFRESH_MS = 1000;

/** Fetches a token; on a live connection, one to replace the current token. */
export function requestToken(draft: Draft): void {
  draft.effects.push({ type: "get_token" });
  draft.refreshAt = NEVER;
  draft.phaseEndsAt = draft.now + draft.tuning.connectTimeoutMs;
}

export function keepToken(draft: Draft, { token, expiresAt, user }: Token): void {
  draft.token = token;
  draft.user = user;
  draft.tokenAt = draft.now;
  draft.tokenExpiresAt = expiresAt;
}

/** Sends a fresh token to the service. A provider that caches its token is called again when a refresh is due. */
export function sendToken(draft: Draft, input: Token): void {
  const { token } = input;
  postponeRefresh(draft);
  draft.cause = undefined;
  if (token !== draft.token) {
    sendMessage(draft, { type: "authenticate", token });
    // Unless `scheduleRefresh` finds out when.
    draft.refreshAt = NEVER;
  }
  keepToken(draft, input);
  scheduleRefresh(draft);
}

/** Schedules a refresh at `at`, by default shortly before the token expires; never in the first half of its lifetime. */
export function scheduleRefresh(draft: Draft, at?: number): void {
  // While the skew is unknown, so is the lifetime.
  const expiresAt = draft.clockSkewMs < NEVER ? draft.tokenExpiresAt + draft.clockSkewMs : 0;
  // A brand-new token cannot have expired: our clock was set forward. The next frame corrects the skew, and the service
  // announces the end of the token in time.
  if (!at && expiresAt <= draft.now) draft.clockSkewMs = NEVER;
  else {
    const halfLife = (draft.tokenAt + expiresAt) / 2;
    draft.refreshAt = Math.max(at ?? expiresAt - draft.tuning.refreshLeadMs, draft.now + MIN_REFRESH_MS, halfLife);
  }
}

/** Retries a failed refresh soon. The old token keeps the connection alive until it expires. */
export function postponeRefresh(draft: Draft): void {
  draft.phaseEndsAt = NEVER;
  draft.refreshAt = draft.now + MIN_REFRESH_MS + draft.random() * draft.tuning.refreshLeadMs * 0.2;
}
