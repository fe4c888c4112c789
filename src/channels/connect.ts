import type { Position } from "../protocol/frames.ts";
import type { ConnectionLimit } from "./channel-telemetry.ts";
import type { Core } from "./core.ts";
import { firstFrame } from "./first-frame.ts";
import { type ConnectRequest, refuseConnect } from "./handshake.ts";
import { FrameBatch } from "./listeners/frame-batch.ts";
import { type Listener, newListener } from "./listeners/listener.ts";
import { watchToken } from "./maintenance.ts";

/**
 * Admits a client as a listener, or refuses it. Nothing is awaited between reading the log and joining the listeners,
 * so no event is lost between the replay and the live events.
 */
export function connect(core: Core, request: ConnectRequest, now: number): Response {
  const { topic, listeners, log, telemetry } = core;
  const { identity, resume } = request;
  const refusal = topic.refusalFor(identity);
  if (refusal) return refuseConnect({ reason: refusal, isOwnerKnown: topic.isRefusalFinal() });
  const limit = reachedLimit(core, identity.subject, now);
  if (limit) {
    telemetry.limited(limit);
    return refuseConnect({ reason: "too_many_connections", isOwnerKnown: true });
  }
  // The client keeps this epoch, so it must survive a wake. The first products listener may connect before any event.
  log.epochs.store(now);
  const listener = newListener(request, now);
  const missed = resume && resume !== "invalid" ? missedSince(core, listener, resume, now) : null;
  if (resume) telemetry.resumed(missed?.frames.length ?? null);
  const first = firstFrame(core, resume && missed !== null, now);
  const { socket, response } = listeners.accept(listener, first, missed ?? new FrameBatch([]), now);
  watchToken(core, socket, listener, now);
  return response;
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

/** Returns the limit that one more listener would exceed, or null. */
function reachedLimit({ config, listeners }: Core, user: string, now: number): ConnectionLimit | null {
  const { perUser, perChannel } = config.connections;
  if (listeners.sockets >= perChannel) return "connections_per_channel";
  return listeners.makeRoomFor(user, perUser, now) ? null : "connections_per_user";
}
