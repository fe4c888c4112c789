import { existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { processorMs, residentBytes } from "../../support/processes.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { keepResult, RESULTS } from "../results.ts";
import { drawing, type EnduranceResult, enduranceReport, enduranceResult, isSound, type Sample } from "./judge.ts";
import { SteadyLoad } from "./load.ts";
import { percentile } from "./trend.ts";

/**
 * One hour at a steady load. It can be interrupted: samples are kept, and the next run goes on until the hour is full.
 * Each start has a process of its own, so trends are looked for within the parts between interruptions.
 */

/** Histories are full long before the second half, in which trends are looked for. */
const HISTORY_LIMIT = 100;
const SAMPLE_MS = 10_000;

export interface EnduranceOptions {
  minutes: number;
  sockets: number;
  eventsPerSecond: number;
}

/** @returns Whether nothing grows and nothing was refused. */
export async function endure({ minutes, sockets, eventsPerSecond }: EnduranceOptions): Promise<boolean> {
  const name = `endurance-${minutes}min`;
  const file = join(RESULTS, `${name}.json`);
  const result: EnduranceResult = existsSync(file)
    ? enduranceResult.parse(JSON.parse(readFileSync(file, "utf8")))
    : { sockets, eventsPerSecond, samples: [] };
  const { samples } = result;
  const part = (samples.at(-1)?.part ?? 0) + 1;
  const wanted = Math.ceil((minutes * 60_000) / SAMPLE_MS);
  if (samples.length > 0) console.log(`${samples.length} of ${wanted} samples are there; part ${part} follows`);
  if (samples.length < wanted) {
    const service = await startTidings({ HISTORY_LIMIT: String(HISTORY_LIMIT) }, undefined, { isQuiet: true });
    const load = new SteadyLoad({ url: service.url, sockets, eventsPerSecond });
    try {
      await load.start();
      const start = Date.now();
      const sinceLast = meter(service, load);
      while (samples.length < wanted) {
        await wait(SAMPLE_MS);
        const seconds = Math.round((Date.now() - start) / 1000);
        samples.push({ part, seconds, ...sizesOf(service), ...sinceLast() });
        keepResult(name, result);
      }
    } finally {
      await load.stop();
      await service.stop();
    }
  }
  console.log(enduranceReport(result));
  writeFileSync(file.replace(".json", ".svg"), drawing(result, SAMPLE_MS));
  return isSound(result);
}

function sizesOf({ pid, directory }: Workerd): Pick<Sample, "memoryMB" | "descriptors" | "storageMB"> {
  const storage = globSync("storage/**/*", { cwd: directory }).map((name) => sizeOf(join(directory, name)));
  return {
    memoryMB: rounded(residentBytes(pid) / 2 ** 20),
    descriptors: descriptorsOf(pid),
    storageMB: rounded(storage.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20),
  };
}

/** @returns A function that measures from its last call to now. */
function meter(
  { pid }: Workerd,
  load: SteadyLoad,
): () => Omit<Sample, "part" | "seconds" | keyof ReturnType<typeof sizesOf>> {
  const now = () => ({
    at: Date.now(),
    service: processorMs(pid),
    own: process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
    all: busyMs(),
    published: load.published,
  });
  let before = now();
  return () => {
    const after = now();
    const spent = (name: keyof typeof after) => after[name] - before[name];
    const latencies = load.takeLatencies();
    const { published, refused, received, joins, open } = load;
    const figures = {
      cpuMsPerEvent: rounded(spent("service") / Math.max(1, spent("published"))),
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      othersCores: rounded(Math.max(0, spent("all") - spent("service") - spent("own")) / spent("at")),
      ...{ sockets: open, published, refused, received, joins },
    };
    before = after;
    return figures;
  };
}

/** Processor time that was not idle, of all cores together. */
const busyMs = (): number => cpus().reduce((sum, { times: { idle, ...busy } }) => sum + total(busy), 0);
const total = (times: Record<string, number>): number => Object.values(times).reduce((sum, ms) => sum + ms, 0);

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Files may vanish while they are counted. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
