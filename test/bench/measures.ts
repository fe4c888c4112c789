import { readFileSync } from "node:fs";
import pMap from "p-map";
import { type Listeners, listen, openSockets } from "./listeners.ts";
import { CALLS_AT_ONCE, type CountingSocket } from "./load-client.ts";
import { type BenchChannel, PUBLISHES_AT_ONCE, type Target } from "./targets.ts";

/** The measurements, one round at a time, so that targets can take turns. */

export interface Round {
  /** Operations per second, or milliseconds. */
  value: number;
  /** Processor time of the server per operation, in microseconds; null where the system does not report it. */
  serverMicros: number | null;
  /** Share of the time that this process, the client, was busy; near 1 it measures itself. */
  clientBusy: number;
}

export interface Measure {
  round(): Promise<Round>;
  close(): Promise<void>;
}

interface Load {
  sockets: number;
  events: number;
}

/** Measures deliveries/s to many sockets, with single publishes, from the first publish to the last frame. */
export async function measureFanOut(target: Target, load: Load): Promise<Measure> {
  const channel = await target.openChannel(load.sockets);
  return measureDeliveries(target, load, await listen(target, channel.socketPaths), oneByOne(channel));
}

/** Measures the same with the fastest way of publishing that the target has. */
export async function measureBurst(target: Target, load: Load): Promise<Measure> {
  const channel = await target.openChannel(load.sockets);
  const { socketPaths, burstSubprotocol, burst = oneByOne(channel) } = channel;
  return measureDeliveries(target, load, await listen(target, socketPaths, burstSubprotocol), burst);
}

function oneByOne({ publish }: BenchChannel, concurrency = PUBLISHES_AT_ONCE) {
  return (first: number, count: number) => pMap(Array(count).keys(), (i) => publish(first + i), { concurrency });
}

function measureDeliveries(
  target: Target,
  { sockets, events }: Load,
  listeners: Listeners,
  publish: (first: number, count: number) => Promise<unknown>,
): Measure {
  const deliveries = sockets * events;
  const round = async () => {
    const { value: seconds, ...busy } = await timed(target, deliveries, () => listeners.receive(events, publish));
    return { ...busy, value: deliveries / seconds };
  };
  return { round, close: listeners.close };
}

/** Measures connections/s, from the first handshake to the last socket's first frame, on a new channel per round. */
export async function measureConnections(target: Target, sizes: { connections: number }): Promise<Measure> {
  const round = async () => {
    const { socketPaths } = await target.openChannel(sizes.connections);
    let sockets: CountingSocket[] = [];
    const { value: seconds, ...busy } = await timed(target, sizes.connections, async () => {
      sockets = await openSockets(target, socketPaths);
    });
    await Promise.all(sockets.map((socket) => socket.close()));
    return { ...busy, value: sizes.connections / seconds };
  };
  return { round, close: async () => {} };
}

/** Measures publishes/s on a channel without listeners. */
export async function measurePublishes(target: Target, { events }: { events: number }): Promise<Measure> {
  const publish = oneByOne(await target.openChannel(0), CALLS_AT_ONCE);
  let first = 1;
  const round = async () => {
    const { value: seconds, ...busy } = await timed(target, events, () => publish(first, events));
    first += events;
    return { ...busy, value: events / seconds };
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
    await Promise.all(sockets.map((socket) => socket.close()));
  };
  return { round, close };
}

/** Measures milliseconds from a publish to its frame at the only listener: the median of a round. */
export async function measureLatency(target: Target, sizes: { samples: number }): Promise<Measure> {
  const channel = await target.openChannel(1);
  const listeners = await listen(target, channel.socketPaths);
  const round = () => medianOf(target, sizes.samples, () => listeners.receive(1, channel.publish));
  return { round, close: listeners.close };
}

/** Runs `sample` so many times, one at a time. @returns A round with the median of the results. */
async function medianOf(target: Target, samples: number, sample: () => Promise<number>): Promise<Round> {
  const values: number[] = [];
  const round = await timed(target, samples, async () => {
    while (values.length < samples) values.push(await sample());
  });
  return { ...round, value: median(values) };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? Number(sorted[middle]) : (Number(sorted[middle - 1]) + Number(sorted[middle])) / 2;
}

/** Runs `work`. @returns The seconds it took, and the processor use of server and client. */
async function timed(target: Target, operations: number, work: () => Promise<unknown>): Promise<Round> {
  const serverBefore = processorMicros(target.pids);
  const clientBefore = process.cpuUsage();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const client = process.cpuUsage(clientBefore);
  const serverAfter = processorMicros(target.pids);
  return {
    value: seconds,
    serverMicros: serverBefore === null || serverAfter === null ? null : (serverAfter - serverBefore) / operations,
    clientBusy: (client.user + client.system) / 1e6 / seconds,
  };
}

/** Processor time of some processes, in microseconds (Linux, proc(5): utime and stime, in ticks of 1/100 s). */
function processorMicros(pids: number[]): number | null {
  try {
    const ticks = pids.map((pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return Number(fields[11]) + Number(fields[12]);
    });
    return ticks.reduce((sum, value) => sum + value, 0) * 10_000;
  } catch {
    return null;
  }
}
