import type { Core } from "./core.ts";
import { firstFrame } from "./first-frame.ts";

/**
 * Starts a new epoch because events may have been lost on their way to this channel. Connected listeners receive the
 * state as it is now; clients that resume from a position of the old epoch learn that history does not reach back.
 * @param gapAt When the gap was found, in milliseconds since 1970; an epoch that began later is not affected.
 */
export function startEpochAfterGap(core: Core, gapAt: number, now: number): void {
  const { storage, log, listeners } = core;
  const isUnused = !storage.hasData() && listeners.count === 0;
  if (isUnused || gapAt <= log.epochs.startedAt()) return;
  log.epochs.start(now);
  const frame = firstFrame(core, false, now);
  for (const { socket } of listeners.all()) listeners.sendControl(socket, frame, now);
}
