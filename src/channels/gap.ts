import type { Core, SocketCore } from "./core.ts";
import { firstFrame } from "./first-frame.ts";
import type { ConnectRequest } from "./handshake.ts";
import type { LoggedFrame } from "./log/log-event.ts";

/**
 * Starts a new epoch because events may have been lost on their way to this channel. Connected listeners receive the
 * state as it is now; clients that resume from a position of the old epoch learn that history does not reach back.
 * @param gapAt When the gap was found, in milliseconds since 1970; an epoch that began later is not affected.
 */
export function startEpochAfterGap(core: Core, gapAt: number, now: number): void {
  const { storage, log, listeners } = core;
  const isUnused = !storage.hasData() && listeners.count === 0;
  if (isUnused || gapAt <= log.epochs.extent().epochStartedAt) return;
  startEpoch(core, now);
  sendGap(core, now);
}

/** Starts a new epoch, and announces it to listeners at other objects. Other clients learn of it when they resume. */
export function startEpoch({ log, fanOut }: Core, now: number): void {
  const former = log.position().epoch;
  log.epochs.start(now);
  fanOut?.epochStarted(former, now);
}

/**
 * Tells every listener that events may be missing: a first frame with the new epoch, and `resumed: false`. Not awaited:
 * sending earlier broadcasts may take minutes, and the relay reads nothing until it has announced a gap.
 */
export function sendGap(core: SocketCore, now: number): void {
  const rest = core.listeners.outgoing.broadcastControl(firstFrame(core, core.position(), false, now), now);
  if (rest) core.ctx.waitUntil(rest);
}

/**
 * Returns the events that a client missed, or null when they cannot be replayed. With a filter, other products' events may
 * be among them. A damaged event starts a new epoch, so that every client learns of the gap.
 * @param resume The position that the client resumes from, if it gave a valid one.
 * @param products The filter; null for all.
 */
export function recoverMissed(
  core: Core,
  resume: ConnectRequest["resume"],
  products: string[] | null,
  now: number,
): LoggedFrame[] | null {
  if (!resume || resume === "invalid") return null;
  const replay = core.log.readSince(resume, products, now);
  if (replay !== "damaged") return replay;
  startEpoch(core, now);
  return null;
}
