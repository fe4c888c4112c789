import pMap from "p-map";
import * as z from "zod";
import type { BenchChannel, Target } from "../targets/target.ts";
import { CountingSocket } from "./counting-socket.ts";
import { type Dialect, PLAIN } from "./dialects.ts";

/** Many sockets that check what they receive. */

/** Concurrent handshakes and, where publishing alone is measured, publishes. */
export const CALLS_AT_ONCE = 32;
/** Frames that have not arrived by then are lost. */
const DELIVERY_TIMEOUT_MS = 60_000;

export interface Listeners {
  /**
   * Publishes events and waits until every socket has received all of them.
   * @param publish Takes the first event's `seq` and the number of events.
   * @returns Milliseconds from the first publish to the last message.
   * @throws when a socket misses an event, or receives one twice or, where the server numbers them, out of order.
   */
  receive(count: number, publish: (first: number, count: number) => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

interface ListenOptions {
  /** Whether clients speak what the target delivers fastest. */
  isFast?: boolean;
  /** The channel's last `seq`. Default: 0. */
  position?: number;
}

const numbered = z.array(z.object({ seq: z.int() }));

/** Opens the sockets of a channel. The first one parses its messages; the others must receive as many bytes. */
export async function listen(
  target: Target,
  { socketPaths, dialect = PLAIN, burstDialect = dialect, isOrdered = false }: BenchChannel,
  { isFast = false, position = 0 }: ListenOptions = {},
): Promise<Listeners> {
  const spoken = isFast ? burstDialect : dialect;
  const sockets = await openSockets(target, socketPaths, spoken);
  const [reader] = sockets;
  if (!reader) throw new Error("there are no listeners");
  let last = position;
  /** The events that the first socket receives now. */
  let seqs: number[] = [];
  let count = 0;
  /** Messages received by all sockets, and the expected total, known when the first socket has its share. */
  let received = 0;
  let expected = Number.NaN;
  let done = Promise.withResolvers<number>();

  reader.onText = (text) => {
    for (const { seq } of numbered.parse(spoken.eventsIn(text))) seqs.push(seq);
    if (seqs.length === count) expected = reader.messages * sockets.length;
  };
  for (const socket of sockets) {
    socket.onMessage = () => {
      if (++received === expected) done.resolve(performance.now());
    };
  }
  const check = (first: number) => {
    const ordered = isOrdered ? seqs : seqs.toSorted((a, b) => a - b);
    const wrong = ordered.find((seq, i) => seq !== first + i);
    if (wrong !== undefined) throw new Error(`event ${wrong} was lost, repeated or out of order`);
    for (const [i, { messages, bytes }] of sockets.entries()) {
      if (messages !== reader.messages || bytes !== reader.bytes)
        throw new Error(
          `socket ${i} has ${bytes} bytes in ${messages} messages, not ${reader.bytes} in ${reader.messages}`,
        );
    }
  };

  return {
    async receive(events, publish) {
      const first = last + 1;
      last += events;
      count = events;
      seqs = [];
      expected = Number.NaN;
      done = Promise.withResolvers<number>();
      const lost = () =>
        done.reject(new Error(`not all of ${count} events arrived at all of ${sockets.length} sockets`));
      const timer = setTimeout(lost, DELIVERY_TIMEOUT_MS);
      const start = performance.now();
      const [end] = await Promise.all([done.promise, publish(first, events)]).finally(() => clearTimeout(timer));
      check(first);
      return end - start;
    },
    async close() {
      check(last - count + 1);
      await closeSockets(sockets);
    },
  };
}

export function openSockets(target: Target, paths: string[], dialect?: Dialect): Promise<CountingSocket[]> {
  return pMap(paths, (path) => CountingSocket.open(target.url, path, dialect), { concurrency: CALLS_AT_ONCE });
}

export async function closeSockets(sockets: CountingSocket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.close()));
}
