import {
  type ABNORMAL_CLOSURE,
  CLOSE_NAMES,
  type CloseCode,
  DISCONNECTED_REASON,
  retryOf,
  UNAUTHENTICATED,
} from "../../protocol/close-rules.ts";
import type { Draft } from "./draft.ts";
import type { Close } from "./machine-state.ts";
import { isInteger } from "./position.ts";
import { leavePhase, scheduleRetry } from "./retry.ts";

/** What follows a close: a retry, or the end of the connection. */

/** With every timeout, the next attempt waits longer for its messages: the link may be slow. */
const MAX_PATIENCE = 4;
const ACCESS_DENIED = 4003 satisfies CloseCode;

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
