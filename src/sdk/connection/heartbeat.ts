import { PING } from "../../protocol/frames.ts";
import { type Draft, emit } from "./draft.ts";
import { NEVER } from "./machine-state.ts";

/** Detects dead sockets: sends pings and limits the silence that may follow. */

/** A tick that is late by this much means that the device was asleep. */
const SLEPT_MS = 5000;

function ping(draft: Draft, timeoutMs: number): void {
  draft.pingAt = draft.now + draft.tuning.heartbeatMs;
  draft.pendingPings++;
  draft.pongTimeoutMs = timeoutMs;
  draft.pongBy = Math.min(draft.pongBy, draft.now + timeoutMs);
  emit(draft, { type: "send", text: PING });
}

/** Pings a socket that may have died unnoticed, for example during sleep, with a short timeout. */
export const probe = (draft: Draft) => ping(draft, draft.tuning.wakeTimeoutMs);

export function receivePong(draft: Draft): void {
  if (draft.pendingPings > 0) draft.pendingPings--;
  extendPongTimeout(draft);
}

/**
 * Restarts the wait for a pong, because the pong queues behind other messages. Only the last pong ends the wait: any
 * other message may have been received before the device fell asleep.
 */
export function extendPongTimeout(draft: Draft): void {
  draft.pongBy = draft.pendingPings === 0 ? NEVER : draft.now + draft.pongTimeoutMs;
}

/** Sends a ping when it is due. @returns Whether the socket is dead. */
export function tickHeartbeat(draft: Draft): boolean {
  const { heartbeatTimeoutMs, wakeTimeoutMs } = draft.tuning;
  if (draft.now >= draft.pongBy) {
    // If the device was asleep, the pong may have arrived but not been read yet: ping once more.
    if (draft.now < draft.pongBy + SLEPT_MS || draft.pendingPings > 1) return true;
    draft.pongBy = NEVER;
    probe(draft);
  } else if (draft.now >= draft.pingAt) {
    // Browsers delay timers in hidden tabs, so a late tick there means nothing.
    const hasSlept = draft.isVisible && draft.now >= draft.pingAt + SLEPT_MS;
    ping(draft, hasSlept ? wakeTimeoutMs : heartbeatTimeoutMs);
  }
  return false;
}
