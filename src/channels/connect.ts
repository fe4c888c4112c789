import { admit, makeRoomOrRefuse } from "./admit.ts";
import type { Core } from "./core.ts";
import { recoverMissed } from "./gap.ts";
import type { ConnectRequest } from "./handshake.ts";
import { newListener } from "./listeners/listener.ts";

/**
 * Admits a client as a listener, or refuses it. Nothing is awaited between reading the log and joining the listeners,
 * so no event is lost between the replay and the live events.
 */
export function connect(core: Core, request: ConnectRequest, now: number): Response {
  const refusal = makeRoomOrRefuse(core, request, now);
  if (refusal) return refusal;
  // The client keeps this epoch, so it must survive a wake. The first products listener may connect before any event.
  core.log.epochs.store(now);
  const { resume, products } = request;
  const missed = recoverMissed(core, resume, products, now);
  return admit(core, newListener(request, now), request, { position: core.log.position(), missed }, now);
}
