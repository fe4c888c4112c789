import { type Draft, emit, sendMessage } from "./draft.ts";
import { NEVER } from "./machine-state.ts";

/** Tokens: requesting one, and replacing it on a live connection before it expires. */

/** The minimum time between two refreshes. */
const MIN_REFRESH_MS = 1000;

/** Requests a token. @returns When to give up on it, in milliseconds since 1970. */
export function requestToken(draft: Draft): number {
  emit(draft, { type: "get_token", request: ++draft.request });
  return draft.now + draft.tuning.connectTimeoutMs;
}

export function keepToken(draft: Draft, { token, expiresAt }: { token: string; expiresAt: number }): void {
  draft.token = token;
  draft.tokenAt = draft.now;
  draft.tokenExpiresAt = expiresAt;
}

/** Fetches a fresh token for a live connection. */
export function refreshToken(draft: Draft): void {
  draft.refreshAt = NEVER;
  draft.refreshBy = requestToken(draft);
}

/** Sends a fresh token to the service. */
export function sendToken(draft: Draft, input: { token: string; expiresAt: number }): void {
  const { token } = input;
  if (token === draft.token) {
    postponeRefresh(draft);
    return;
  }
  sendMessage(draft, { type: "authenticate", token });
  keepToken(draft, input);
  draft.refreshBy = NEVER;
  scheduleRefresh(draft);
}

/** Schedules a refresh at `at`, by default shortly before the token expires; never in the first half of its lifetime. */
export function scheduleRefresh(draft: Draft, at?: number): void {
  const expiresAt = draft.tokenExpiresAt + draft.clockSkewMs;
  if (at === undefined && expiresAt <= draft.now) {
    // A brand-new token cannot have expired, so our clock was set forward. The next frame corrects the skew, and the
    // service sends `token_expiring` in time.
    draft.clockSkewMs = NEVER;
    return;
  }
  const halfLife = draft.tokenAt + (expiresAt - draft.tokenAt) / 2;
  draft.refreshAt = Math.max(at ?? expiresAt - draft.tuning.refreshLeadMs, draft.now + MIN_REFRESH_MS, halfLife);
}

/** Schedules another try soon after a failed refresh. The old token remains in use until it expires. */
export function postponeRefresh(draft: Draft): void {
  draft.refreshBy = NEVER;
  // Ignore the pending request.
  draft.request++;
  draft.refreshAt = draft.now + MIN_REFRESH_MS + draft.random() * draft.tuning.refreshLeadMs * 0.2;
}
