import type { CountingSocket } from "../client/counting-socket.ts";
import { CALLS_AT_ONCE, closeSockets, openSockets } from "../client/listeners.ts";
import type { Target } from "../targets/target.ts";
import { oneByOne } from "./deliveries.ts";
import { type Measure, medianOf, timed } from "./timed.ts";

/** Calls and handshakes, from their start to their answer. */

/** Measures connections/s, from the first handshake to the last socket's first frame, on a new channel per round. */
export async function measureConnections(target: Target, { connections }: { connections: number }): Promise<Measure> {
  const round = async () => {
    const { socketPaths, dialect } = await target.openChannel(connections);
    let sockets: CountingSocket[] = [];
    const { value: seconds, ...use } = await timed(target, connections, async () => {
      sockets = await openSockets(target, socketPaths, dialect);
    });
    await closeSockets(sockets);
    return { ...use, value: connections / seconds };
  };
  return { round, close: async () => {} };
}

/** Measures publishes/s on a channel without listeners. */
export async function measurePublishes(target: Target, { events }: { events: number }): Promise<Measure> {
  const publish = oneByOne(await target.openChannel(0), CALLS_AT_ONCE);
  let first = 1;
  const round = async () => {
    const { value: seconds, ...use } = await timed(target, events, () => publish(first, events));
    first += events;
    return { ...use, value: events / seconds };
  };
  return { round, close: async () => {} };
}

/**
 * Measures milliseconds from a publish to its answer, on a channel whose listeners all filter its events out: the median
 * of a round.
 */
export async function measureUnwanted(
  target: Target,
  { listeners, samples }: { listeners: number; samples: number },
): Promise<Measure> {
  const channel = await target.openChannel(listeners);
  const sockets = await openSockets(target, channel.socketPaths);
  let seq = 0;
  const round = () =>
    medianOf(target, samples, async () => {
      const start = performance.now();
      await channel.publish(++seq);
      return performance.now() - start;
    });
  const close = async () => {
    if (sockets.some(({ messages }) => messages !== 1)) throw new Error("a listener received an event that it filters");
    await closeSockets(sockets);
  };
  return { round, close };
}
