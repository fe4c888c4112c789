import type { Position } from "../protocol/frames.ts";
import type { LimitName } from "../telemetry/labels.ts";
import type { SocketCore } from "./core.ts";
import { firstFrame } from "./first-frame.ts";
import { type ConnectRequest, refuseConnect } from "./handshake.ts";
import { watchToken } from "./listener-maintenance.ts";
import { FrameBatch } from "./listeners/frame-batch.ts";
import type { Listener } from "./listeners/listener.ts";
import type { LoggedFrame } from "./log/log-event.ts";

/**
 * Refuses a client that may not listen, or for which no room can be made; the user's longest silent socket may be closed
 * for it. Returns null for one that may join. A shard calls it again after the root's answer, because the token may have
 * expired meanwhile.
 */
export function makeRoomOrRefuse(core: SocketCore, { identity }: ConnectRequest, now: number): Response | null {
  const { topic, telemetry } = core;
  const refusal = now >= identity.expiresAt ? "token_expired" : topic.refusalFor(identity);
  if (refusal)
    return refuseConnect({ reason: refusal, isFinal: refusal === "token_expired" || topic.isRefusalFinal() });
  const limit = makeRoom(core, identity.subject, now);
  if (!limit) return null;
  telemetry.limited(limit);
  return refuseConnect({ reason: "too_many_connections", isFinal: true });
}

/** How a client joins: the position after which it receives every event, and what it missed before. */
export interface Admission {
  position: Position;
  /** The events since the position that the client gave; null when they are not known or it gave none. */
  missed: readonly LoggedFrame[] | null;
}

/** Accepts a client as a listener, and sends it the first frame and the events it missed. */
export function admit(
  core: SocketCore,
  listener: Listener,
  { resume }: ConnectRequest,
  admission: Admission,
  now: number,
): Response {
  const { listeners, telemetry } = core;
  const wanted = admission.missed && new FrameBatch(admission.missed).wantedBy(listener);
  const missed = wanted && listeners.sender.mayReplay(listener, wanted, now) ? wanted : null;
  if (resume) telemetry.resumed(missed?.frames.length ?? null);
  const first = firstFrame(core, admission.position, resume && missed !== null, now);
  const { socket, response } = listeners.accept(listener, first, missed ?? new FrameBatch([]), now);
  watchToken(core, socket, listener, now);
  return response;
}

/**
 * Makes room for one more listener; the user's longest silent socket may be closed for it. Returns the limit that prevents
 * it, or null.
 */
function makeRoom({ config, listeners }: SocketCore, user: string, now: number): LimitName | null {
  const { perUser, perChannel } = config.connections;
  if (listeners.sockets >= perChannel) return "connections_per_channel";
  return listeners.makeRoomFor(user, perUser, now) ? null : "connections_per_user";
}
