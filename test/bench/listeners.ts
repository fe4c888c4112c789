import pMap from "p-map";
import * as z from "zod";
import { CALLS_AT_ONCE, CountingSocket } from "./load-client.ts";
import type { Target } from "./targets.ts";

/** Many sockets that check what they receive. */

/** Frames that have not arrived by then are lost. */
const DELIVERY_TIMEOUT_MS = 60_000;

export interface Listeners {
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
export async function listen(target: Target, paths: string[], subprotocol?: string): Promise<Listeners> {
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

export async function openSockets(target: Target, paths: string[], subprotocol?: string): Promise<CountingSocket[]> {
  const open = (path: string) => CountingSocket.open(target.url, path, subprotocol);
  return pMap(paths, open, { concurrency: CALLS_AT_ONCE });
}
