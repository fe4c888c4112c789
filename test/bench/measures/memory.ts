import { setTimeout as wait } from "node:timers/promises";
import { closeSockets, openSockets } from "../client/listeners.ts";
import type { Target } from "../targets/target.ts";
import { type Measure, residentBytes } from "./timed.ts";

/** Memory of a server's processes. */

/** Opened and closed first, so that what the server allocates once is not counted. */
const WARM_UP_SOCKETS = 100;
const SAMPLE_MS = 500;
/** The memory is steady when it changes by less between two samples. */
const STEADY_BYTES = 512 * 1024;
const MAX_SAMPLES = 20;

/** Measures kilobytes per idle socket, in a fresh process each round. */
export function measureMemory(start: () => Promise<Target | null>, { sockets }: { sockets: number }): Measure {
  const round = async () => {
    const target = await start();
    if (!target) throw new Error("the target cannot start");
    try {
      await closeSockets(await openIdle(target, WARM_UP_SOCKETS));
      const before = await steadyBytes(target);
      const open = await openIdle(target, sockets);
      const value = ((await steadyBytes(target)) - before) / sockets / 1024;
      await closeSockets(open);
      return { value, serverMicros: null, clientLoad: null };
    } finally {
      await target.stop();
    }
  };
  return { round, close: async () => {} };
}

async function openIdle(target: Target, sockets: number) {
  const { socketPaths, dialect } = await target.openChannel(sockets);
  return openSockets(target, socketPaths, dialect);
}

async function steadyBytes({ pids }: Target): Promise<number> {
  let last = Number.NaN;
  for (let i = 0; i < MAX_SAMPLES; i++) {
    const bytes = residentBytes(pids);
    if (bytes === null) throw new Error("this system does not report the memory of processes");
    if (Math.abs(bytes - last) < STEADY_BYTES) return bytes;
    last = bytes;
    await wait(SAMPLE_MS);
  }
  return last;
}
