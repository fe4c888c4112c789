import { PING } from "../../protocol/frames.ts";
import type { Draft } from "./draft.ts";
import { NEVER } from "./machine-state.ts";
import { timeOut } from "./retry.ts";

/** Detects dead sockets: pings, and how long the socket may stay silent afterwards. */

/** A tick this late means that the device slept. */
const SLEPT_MS = 5000;

function ping(draft: Draft, usualTimeoutMs: number): void {
  draft.pingAt = draft.now + draft.tuning.heartbeatMs;
  draft.pendingPings++;
  draft.pongTimeoutMs = usualTimeoutMs * draft.patience;
  draft.pongBy = Math.min(draft.pongBy, draft.now + draft.pongTimeoutMs);
  draft.effects.push({ type: "send", text: PING });
}

/** Asks a socket that may have died unnoticed, such as during sleep, for a quick sign of life. */
export const probe = (draft: Draft) => ping(draft, draft.tuning.wakeTimeoutMs);

export function receivePong(draft: Draft): void {
  if (draft.pendingPings > 0) draft.pendingPings--;
  if (draft.pendingPings === 0) draft.patience = 1;
  extendPongTimeout(draft);
}

/**
 * Restarts the wait for a pong, which is queued behind other messages. Only the last pong ends it: any other message
 * may have been received before the device slept.
 */
export function extendPongTimeout(draft: Draft): void {
  draft.pongBy = draft.pendingPings === 0 ? NEVER : draft.now + draft.pongTimeoutMs;
}

/** Sends a ping when it is due, and gives up on a dead socket. */
export function tickHeartbeat(draft: Draft): void {
  const { heartbeatTimeoutMs, wakeTimeoutMs } = draft.tuning;
  if (draft.now >= draft.pongBy) {
    // If the device slept, the pong may be there but unread: ping once more.
    if (draft.now < draft.pongBy + SLEPT_MS || draft.pendingPings > 1) timeOut(draft);
    else {
      draft.pongBy = NEVER;
      probe(draft);
    }
  } else if (draft.now >= draft.pingAt) {
    // Timers in hidden tabs are late anyway.
    const hasSlept = draft.isVisible && draft.now >= draft.pingAt + SLEPT_MS;
    ping(draft, hasSlept ? wakeTimeoutMs : heartbeatTimeoutMs);
  }
}
