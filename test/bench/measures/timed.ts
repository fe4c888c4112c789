import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { median, type Round } from "../report/statistics.ts";
import type { Target } from "../targets/target.ts";

/** What all measurements have in common: they run in rounds, so that targets can take turns. */

export interface Measure {
  round(): Promise<Round>;
  close(): Promise<void>;
}

const BYTES_PER_PAGE = 4096;
const MICROS_PER_TICK = 10_000;

/** Runs `work`. @returns The seconds it took, and the processor use of server and client. */
export async function timed(target: Target, operations: number, work: () => Promise<unknown>): Promise<Round> {
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
    clientLoad: (client.user + client.system) / 1e6 / seconds,
  };
}

/**
 * Runs `sample`, which returns milliseconds, so many times, one at a time.
 * @param pauseMs Time between samples.
 * @returns A round with the median of the results. The client's load is its share of the results' sum.
 */
export async function medianOf(
  target: Target,
  samples: number,
  sample: () => Promise<number>,
  pauseMs = 0,
): Promise<Round> {
  const values: number[] = [];
  const before = process.cpuUsage();
  const { serverMicros } = await timed(target, samples, async () => {
    while (values.length < samples) {
      if (pauseMs > 0) await wait(pauseMs);
      values.push(await sample());
    }
  });
  const { user, system } = process.cpuUsage(before);
  const sum = values.reduce((sum, value) => sum + value, 0);
  return { value: median(values), serverMicros, clientLoad: (user + system) / 1000 / sum };
}

/** Processor time of some processes (Linux, proc(5): utime and stime). */
function processorMicros(pids: number[]): number | null {
  return sumOver(pids, (pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
  });
}

/** Memory of some processes, in bytes (Linux, proc(5): resident set size). Null where the system does not report it. */
export function residentBytes(pids: number[]): number | null {
  return sumOver(pids, (pid) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * BYTES_PER_PAGE);
}

function sumOver(pids: number[], quantityOf: (pid: number) => number): number | null {
  try {
    return pids.reduce((sum, pid) => sum + quantityOf(pid), 0);
  } catch {
    return null;
  }
}
