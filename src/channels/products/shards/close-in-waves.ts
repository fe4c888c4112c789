import type { Listener } from "../../listeners/listener.ts";
import type { Listeners } from "../../listeners/listeners.ts";

/** How many sockets are closed at once, and how often, so that their clients do not all reconnect together. */
const WAVE = 500;
const WAVE_INTERVAL_MS = 1000;

/** The `from` of a listener that receives nothing more, because it has missed events. */
const NOTHING_MORE = Number.MAX_SAFE_INTEGER;

/** Returns whether a listener is only waiting to be closed. */
export const isAbandoned = ({ from }: Listener): boolean => from === NOTHING_MORE;

/** Closes sockets with 4200, in waves. @param goesOn Asked before each wave. */
export async function closeInWaves(
  listeners: Listeners,
  sockets: readonly WebSocket[],
  goesOn: () => boolean = () => true,
): Promise<void> {
  for (let from = 0; from < sockets.length && goesOn(); from += WAVE) {
    if (from > 0) await scheduler.wait(WAVE_INTERVAL_MS);
    for (const socket of sockets.slice(from, from + WAVE)) listeners.close(socket, "going_away");
  }
}

/** Closes sockets that have missed events: until its turn comes, none of them receives anything. */
export function abandon(listeners: Listeners, sockets: readonly WebSocket[]): Promise<void> {
  for (const socket of sockets.slice(WAVE)) listeners.update(socket, { from: NOTHING_MORE });
  return closeInWaves(listeners, sockets);
}
