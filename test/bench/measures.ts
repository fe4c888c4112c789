import { readFileSync } from "node:fs";
import * as z from "zod";
import { CountingSocket, inParallel } from "./load-client.ts";
import { PUBLISHES_AT_ONCE, type Target } from "./targets.ts";

/** The measurements, one round at a time, so that targets can take turns. */

export interface Round {
  /** Deliveries or connections per second, or milliseconds. */
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

const HANDSHAKES_AT_ONCE = 32;
/** Frames that have not arrived by then are lost. */
const DELIVERY_TIMEOUT_MS = 60_000;

interface Load {
  sockets: number;
  events: number;
}

/** Measures deliveries/s to many sockets, with single publishes, from the first publish to the last frame. */
export async function measureFanOut(target: Target, load: Load): Promise<Measure> {
  const channel = await target.openChannel(load.sockets);
  const publish = (first: number, count: number) =>
    inParallel(count, PUBLISHES_AT_ONCE, (i) => channel.publish(first + i));
  return measureDeliveries(target, load, await listen(target, channel.socketPaths), publish);
}

/** Measures the same with the fastest way of publishing that the target has. */
export async function measureBurst(target: Target, load: Load): Promise<Measure> {
  const { socketPaths, burstSubprotocol, burst } = await target.openChannel(load.sockets);
  return measureDeliveries(target, load, await listen(target, socketPaths, burstSubprotocol), burst);
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

/** Measures milliseconds from a publish to its frame at the only listener: the median of a round. */
export async function measureLatency(target: Target, sizes: { samples: number }): Promise<Measure> {
  const channel = await target.openChannel(1);
  const listeners = await listen(target, channel.socketPaths);
  const round = async () => {
    const samples: number[] = [];
    const { serverMicros, clientBusy } = await timed(target, sizes.samples, async () => {
      for (let i = 0; i < sizes.samples; i++) samples.push(await listeners.receive(1, (seq) => channel.publish(seq)));
    });
    return { serverMicros, clientBusy, value: median(samples) };
  };
  return { round, close: listeners.close };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? Number(sorted[middle]) : (Number(sorted[middle - 1]) + Number(sorted[middle])) / 2;
}

interface Listeners {
  /**
   * Publishes events and waits until every socket has received all of them.
   * @param publish Takes the first event's `seq` and the number of events.
   * @returns Milliseconds from the first publish to the last message.
   * @throws when a socket misses an event, or receives one twice or out of order.
   */
  receive(count: number, publish: (first: number, count: number) => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

const numbered = z.object({ seq: z.int() });
const framesOf = (text: string) => z.array(numbered).parse([JSON.parse(text)].flat());

/** Opens sockets on a new channel. The first one parses its messages; the others must receive as many bytes. */
async function listen(target: Target, paths: string[], subprotocol?: string): Promise<Listeners> {
  const sockets = await openSockets(target, paths, subprotocol);
  const [reader] = sockets;
  if (!reader) throw new Error("there are no listeners");
  let seq = 0;
  /** Received messages, and the expected total, which is known when the first socket has all of them. */
  let received = 0;
  let expected = Number.NaN;
  let last = 0;
  let done = Promise.withResolvers<number>();

  reader.onText = (text) => {
    for (const frame of framesOf(text)) {
      if (frame.seq !== seq + 1) done.reject(new Error(`event ${frame.seq} arrived after ${seq}`));
      seq = frame.seq;
    }
    if (seq === last) expected = (reader.messages - 1) * sockets.length;
  };
  for (const socket of sockets) {
    socket.onMessage = () => {
      if (++received === expected) done.resolve(performance.now());
    };
  }
  const check = () => {
    for (const [i, { messages, bytes }] of sockets.entries()) {
      if (messages !== reader.messages || bytes !== reader.bytes)
        throw new Error(
          `socket ${i} has ${bytes} bytes in ${messages} messages, not ${reader.bytes} in ${reader.messages}`,
        );
    }
  };

  return {
    async receive(count, publish) {
      const first = last + 1;
      last += count;
      expected = Number.NaN;
      done = Promise.withResolvers<number>();
      const lost = () =>
        done.reject(new Error(`not all of ${count} events arrived at all of ${sockets.length} sockets`));
      const timer = setTimeout(lost, DELIVERY_TIMEOUT_MS);
      const start = performance.now();
      const [end] = await Promise.all([done.promise, publish(first, count)]).finally(() => clearTimeout(timer));
      check();
      return end - start;
    },
    async close() {
      check();
      await Promise.all(sockets.map((socket) => socket.close()));
    },
  };
}

async function openSockets(target: Target, paths: string[], subprotocol?: string): Promise<CountingSocket[]> {
  return inParallel(paths.length, HANDSHAKES_AT_ONCE, (i) =>
    CountingSocket.open(target.url, paths[i] ?? "/", subprotocol),
  );
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
