import {
  CLOSE_RULES,
  type CloseCode,
  DISCONNECTED_REASON,
  isCloseCode,
  retryOf,
  UNAUTHENTICATED,
} from "../../protocol/close-rules.ts";
import type { Draft } from "./draft.ts";
import { leavePhase, scheduleRetry } from "./retry.ts";

/** What follows a close: a retry, or the end of the connection. */

const ACCESS_DENIED = 4003 satisfies CloseCode;

export function handleClose(draft: Draft, { code, reason }: { code: number; reason: string }): void {
  const { firstBackoffMs } = draft.tuning;
  // The token may have expired: retry once with a fresh one.
  const isTokenRefused = code === UNAUTHENTICATED && reason !== DISCONNECTED_REASON && !draft.refused;
  const retry = isTokenRefused ? "now" : retryOf(code);
  // The socket is closed already, so there is nothing to drop.
  draft.phase = "backoff";
  draft.socket++;
  if (isTokenRefused) draft.refused = { token: draft.token, reason };
  if (retry === "never") end(draft, code, reason);
  else scheduleRetry(draft, retry === "now" ? firstBackoffMs / 2 : firstBackoffMs);
}

export function close(draft: Draft): void {
  end(draft, 1000, "");
}

export function end(draft: Draft, code: number, message: string): void {
  leavePhase(draft);
  draft.phase = "closed";
  const name = isCloseCode(code) ? CLOSE_RULES[code].name : code === 1000 ? "closed" : "unknown";
  const userMustAct = code === UNAUTHENTICATED || code === ACCESS_DENIED;
  draft.status = { state: "closed", isStale: true, reason: { code, name, message, userMustAct } };
}
