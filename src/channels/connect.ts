import type { Position } from "../protocol/frames.ts";
import { admit, refusalOfClient } from "./admit.ts";
import type { Core } from "./core.ts";
import type { ConnectRequest } from "./handshake.ts";
import { FrameBatch } from "./listeners/frame-batch.ts";
import { type Listener, newListener } from "./listeners/listener.ts";

/**
 * Admits a client as a listener, or refuses it. Nothing is awaited between reading the log and joining the listeners,
 * so no event is lost between the replay and the live events.
 */
export function connect(core: Core, request: ConnectRequest, now: number): Response {
  const refusal = refusalOfClient(core, request, now);
  if (refusal) return refusal;
  // The client keeps this epoch, so it must survive a wake. The first products listener may connect before any event.
  core.log.epochs.store(now);
  const { resume } = request;
  const listener = newListener(request, now);
  const missed = resume && resume !== "invalid" ? missedSince(core, listener, resume, now) : null;
  return admit(core, listener, request, missed, now);
}

/**
 * Returns the events after a position that pass the listener's filter, or null. A damaged event starts a new epoch, so
 * that every client learns of the gap.
 */
function missedSince({ log, listeners }: Core, listener: Listener, position: Position, now: number): FrameBatch | null {
  const replay = log.readSince(position, listener.products, now);
  if (replay === "damaged") log.epochs.start(now);
  if (replay === "damaged" || replay === null) return null;
  const missed = new FrameBatch(replay);
  return listeners.sender.mayReplay(listener, missed, now) ? missed : null;
}
