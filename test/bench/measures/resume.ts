import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { CountingSocket } from "../client/counting-socket.ts";
import { type Dialect, PLAIN } from "../client/dialects.ts";
import type { BenchChannel, Target } from "../targets/target.ts";
import { type Measure, medianOf } from "./timed.ts";

/** Reconnecting clients that receive what they missed. */

const TIMEOUT_MS = 10_000;
/** A server needs a moment to notice that the previous connection has gone. */
const RETRY_MS = 20;
const MAX_ATTEMPTS = 100;

/** The first frame has no `seq`. */
const numbered = z.array(z.object({ seq: z.int().optional() }));

interface ResumeSizes {
  events: number;
  samples: number;
  /** What the client speaks. Default: what the channel's listeners speak. */
  dialect?: Dialect;
}

/** Measures milliseconds from a reconnect to the last of the missed events: the median of a round. */
export async function measureResume(target: Target, { events, samples, dialect }: ResumeSizes): Promise<Measure> {
  const channel = await target.openChannel(1);
  const resumption = await loseConnection(target, channel);
  if (channel.burst) await channel.burst(2, events);
  else for (let i = 0; i < events; i++) await channel.publish(2 + i);
  const reconnect = dialect ?? resumption.dialect ?? PLAIN;

  /** Returns null when the server does not know yet that the connection was lost. */
  const attempt = async (): Promise<number | null> => {
    const start = performance.now();
    const socket = new CountingSocket(new URL(target.url), resumption.path, reconnect);
    const seqs: number[] = [];
    const { promise: isComplete, resolve, reject } = Promise.withResolvers<void>();
    const late = () => reject(new Error(`${seqs.length} of ${events} missed events arrived`));
    const timer = setTimeout(late, TIMEOUT_MS);
    socket.onText = (text) => {
      for (const { seq } of numbered.parse(reconnect.eventsIn(text))) if (seq !== undefined) seqs.push(seq);
      if (seqs.length >= events) resolve();
    };
    try {
      await socket.opened;
      if (!resumption.isResumed(socket.greeting)) return null;
      await isComplete;
      const end = performance.now();
      if (seqs.some((seq, i) => seq !== Number(seqs[0]) + i)) throw new Error("the missed events are out of order");
      return end - start;
    } finally {
      clearTimeout(timer);
      await socket.drop();
    }
  };
  const sample = async (): Promise<number> => {
    for (let i = 0; i < MAX_ATTEMPTS; i++) {
      const milliseconds = await attempt();
      if (milliseconds !== null) return milliseconds;
      await wait(RETRY_MS);
    }
    throw new Error("the server does not resume");
  };
  return { round: () => medianOf(target, samples, sample), close: async () => {} };
}

/** Connects, receives one event and loses the connection. */
async function loseConnection(target: Target, { socketPaths, dialect = PLAIN, publish, resume }: BenchChannel) {
  const [path] = socketPaths;
  if (path === undefined || !resume) throw new Error("the target cannot resume");
  const socket = await CountingSocket.open(target.url, path, dialect);
  const { promise: event, resolve } = Promise.withResolvers<string>();
  socket.onText = resolve;
  await publish(1);
  const resumption = resume(socket.greeting, await event);
  await socket.drop();
  return resumption;
}
