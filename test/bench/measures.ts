import { readFileSync } from "node:fs";
import { CountingSocket, call, inParallel } from "./load-client.ts";
import type { BenchChannel, Target } from "./targets.ts";

/** What is measured, one round at a time, so that a caller can let two targets take turns. */

export interface Round {
  /** Frames or connections a second, or milliseconds. */
  value: number;
  /** Microseconds of the server's processor for one frame, connection or event; null where the system does not tell. */
  serverMicros: number | null;
  /** Share of the time in which this process, the client, was busy: near 1, it measures itself. */
  clientBusy: number;
}

export interface Measure {
  round(): Promise<Round>;
  close(): Promise<void>;
}

/** How many publishes or handshakes wait for their answer at a time. */
const PUBLISHES_AT_ONCE = 4;
const HANDSHAKES_AT_ONCE = 32;
/** Frames that have not come by then are lost. */
const DELIVERY_TIMEOUT_MS = 60_000;

/** Frames/s to many sockets, from the first publish to the last frame at the last socket. */
export async function measureFanOut(target: Target, sizes: { sockets: number; frames: number }): Promise<Measure> {
  const listeners = await listen(target, sizes.sockets);
  const round = async () => {
    const { value: seconds, ...busy } = await timed(target, sizes.sockets * sizes.frames, () =>
      listeners.publish(sizes.frames, PUBLISHES_AT_ONCE),
    );
    return { ...busy, value: (sizes.sockets * sizes.frames) / seconds };
  };
  return { round, close: listeners.close };
}

/** Connections/s, from the first handshake to the last socket's first frame. Each round has a channel of its own. */
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

/** Milliseconds from a publish to its frame at the one listener: the median of a round's samples. */
export async function measureLatency(target: Target, sizes: { samples: number }): Promise<Measure> {
  const listeners = await listen(target, 1);
  const round = async () => {
    const samples: number[] = [];
    const { serverMicros, clientBusy } = await timed(target, sizes.samples, async () => {
      for (let i = 0; i < sizes.samples; i++) samples.push(await listeners.publish(1, 1));
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

/** Sockets that listen to a new channel, and the way to publish to them and to know that all of it came to each. */
async function listen(target: Target, count: number) {
  const channel = await target.openChannel(count);
  const sockets = await openSockets(target, channel.socketPaths);
  let published = 0;
  let bytes = sockets[0]?.bytes ?? 0;
  let left = 0;
  let done = Promise.withResolvers<number>();
  for (const socket of sockets) {
    socket.onMessage = () => {
      if (--left === 0) done.resolve(performance.now());
    };
  }

  /** @returns Milliseconds from the first publish to the last frame. */
  const publish = async (frames: number, concurrency: number): Promise<number> => {
    left = frames * count;
    done = Promise.withResolvers<number>();
    const lost = () => done.reject(new Error(`${left} of ${frames * count} frames did not come`));
    const timer = setTimeout(lost, DELIVERY_TIMEOUT_MS);
    const calls = Array.from({ length: frames }, (_, i) => channel.publish(published + i + 1));
    const start = performance.now();
    const answers = inParallel(frames, concurrency, (i) => call(target.worker.url, calls[i] as (typeof calls)[number]));
    const [end] = await Promise.all([done.promise, answers]).finally(() => clearTimeout(timer));
    published += frames;
    bytes += checkCounts(sockets, published, bytes);
    return end - start;
  };

  const close = async () => {
    checkCounts(sockets, published, bytes);
    await Promise.all(sockets.map((socket) => socket.close()));
  };
  return { publish, close };
}

/** Every socket has every frame, none twice, and all have the same bytes. @returns By how many bytes the sum has grown. */
function checkCounts(sockets: CountingSocket[], published: number, before: number): number {
  const expected = sockets[0]?.bytes ?? 0;
  for (const [i, { messages, bytes }] of sockets.entries()) {
    // The first message is the one that says that the socket is connected.
    if (messages !== published + 1 || bytes !== expected) {
      throw new Error(`socket ${i} has ${messages - 1} of ${published} frames, ${bytes} of ${expected} bytes`);
    }
  }
  return expected - before;
}

async function openSockets(target: Target, paths: BenchChannel["socketPaths"]): Promise<CountingSocket[]> {
  return inParallel(paths.length, HANDSHAKES_AT_ONCE, (i) => CountingSocket.open(target.worker.url, paths[i] ?? "/"));
}

/** @returns Seconds taken, and who was how busy meanwhile. */
async function timed(target: Target, operations: number, work: () => Promise<unknown>): Promise<Round> {
  const serverBefore = processorMicros(target.worker.pid);
  const clientBefore = process.cpuUsage();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const client = process.cpuUsage(clientBefore);
  const serverAfter = processorMicros(target.worker.pid);
  return {
    value: seconds,
    serverMicros: serverBefore === null || serverAfter === null ? null : (serverAfter - serverBefore) / operations,
    clientBusy: (client.user + client.system) / 1e6 / seconds,
  };
}

/** Processor time of a process so far, in steps of 10 ms (Linux, proc(5): utime and stime in ticks of 1/100 s). */
function processorMicros(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return null;
  }
}
