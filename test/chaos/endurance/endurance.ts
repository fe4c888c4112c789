import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { residentBytes } from "../../support/processes.ts";
import { startTidings, type Workerd } from "../../support/workerd.ts";
import { SteadyLoad } from "./load.ts";
import { plot } from "./plot.ts";
import { MIN_VALUES, median, percentile, trendOf } from "./trend.ts";

/**
 * One hour at a steady load. It can be interrupted: samples are kept, and the next run goes on until the hour is full.
 * Each start has a process of its own, so trends are looked for within the parts between interruptions.
 */

/** Histories are full long before the second half, in which trends are looked for. */
const HISTORY_LIMIT = 100;
const SAMPLE_MS = 10_000;

const sample = z.object({
  part: z.int(),
  /** Since the part began. */
  seconds: z.number(),
  memoryMB: z.number(),
  descriptors: z.number(),
  storageMB: z.number(),
  p50: z.number(),
  p99: z.number(),
  sockets: z.number(),
  published: z.number(),
  refused: z.number(),
  received: z.number(),
  joins: z.number(),
});
type Sample = z.infer<typeof sample>;
const JUDGED = ["memoryMB", "descriptors", "storageMB", "p50", "p99"] as const;

export interface EnduranceOptions {
  minutes: number;
  sockets: number;
  eventsPerSecond: number;
  /** Where samples, report and plot are kept. */
  directory: string;
}

/** @returns Whether nothing grows and nothing was refused. */
export async function endure({ minutes, sockets, eventsPerSecond, directory }: EnduranceOptions): Promise<boolean> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `endurance-${minutes}min.json`);
  const samples = existsSync(file) ? z.array(sample).parse(JSON.parse(readFileSync(file, "utf8"))) : [];
  const part = (samples.at(-1)?.part ?? 0) + 1;
  const wanted = Math.ceil((minutes * 60_000) / SAMPLE_MS);
  if (samples.length > 0) console.log(`${samples.length} of ${wanted} samples are there; part ${part} follows`);
  if (samples.length < wanted) {
    const service = await startTidings({ HISTORY_LIMIT: String(HISTORY_LIMIT) }, undefined, { isQuiet: true });
    const load = new SteadyLoad({ url: service.url, sockets, eventsPerSecond });
    try {
      await load.start();
      const start = Date.now();
      while (samples.length < wanted) {
        await wait(SAMPLE_MS);
        samples.push({ part, seconds: Math.round((Date.now() - start) / 1000), ...measure(service, load) });
        writeFileSync(file, `${JSON.stringify(samples, null, 1)}\n`);
      }
    } finally {
      await load.stop();
      await service.stop();
    }
  }
  const { text, isSound } = judge(samples, sockets, eventsPerSecond);
  console.log(text);
  writeFileSync(file.replace(".json", ".md"), text);
  writeFileSync(file.replace(".json", ".svg"), drawing(samples, `${sockets} sockets, ${eventsPerSecond} events/s`));
  return isSound;
}

function measure({ pid, directory }: Workerd, load: SteadyLoad): Omit<Sample, "part" | "seconds"> {
  const latencies = load.takeLatencies();
  const storage = globSync("storage/**/*", { cwd: directory }).map((name) => sizeOf(join(directory, name)));
  const { published, refused, received, joins, open } = load;
  return {
    memoryMB: residentBytes(pid) / 2 ** 20,
    descriptors: descriptorsOf(pid),
    storageMB: storage.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    ...{ sockets: open, published, refused, received, joins },
  };
}

function judge(samples: Sample[], sockets: number, rate: number): { text: string; isSound: boolean } {
  const lines = [`${samples.length} samples, ${sockets} sockets, ${rate} events/s`, ""];
  let isSound = samples.every(({ refused }) => refused === 0);
  lines.push("part | measure | median | growth in the second half | z | verdict", "--- | --- | --- | --- | --- | ---");
  for (const part of new Set(samples.map((one) => one.part))) {
    const ofPart = samples.filter((one) => one.part === part);
    const later = ofPart.slice(Math.floor(ofPart.length / 2));
    for (const name of JUDGED) {
      const values = later.map((one) => one[name]);
      const { growth, z, isGrowing } = trendOf(values);
      const verdict = values.length < MIN_VALUES ? "too short" : isGrowing ? "GROWS" : "no trend";
      isSound &&= !isGrowing;
      lines.push(
        `${part} | ${name} | ${median(values).toFixed(1)} | ${(100 * growth).toFixed(1)} % | ${z.toFixed(2)} | ${verdict}`,
      );
    }
    const last = ofPart.at(-1);
    lines.push(
      `part ${part}: ${last?.published} events published, ${last?.refused} refused, ${last?.received} received, ${last?.joins} joins`,
    );
  }
  return { text: `${lines.join("\n")}\n`, isSound };
}

function drawing(samples: Sample[], title: string): string {
  const minutes = samples.map((_, i) => ((i + 1) * SAMPLE_MS) / 60_000);
  const line = (name: (typeof JUDGED)[number] | "sockets") => ({
    label: name,
    values: samples.map((one) => one[name]),
  });
  return plot(title, minutes, [
    { name: "Memory of the process", unit: "MB", lines: [line("memoryMB")] },
    { name: "File descriptors and sockets", unit: "number", lines: [line("descriptors"), line("sockets")] },
    { name: "Storage", unit: "MB", lines: [line("storageMB")] },
    { name: "Publish to arrival", unit: "ms", lines: [line("p50"), line("p99")] },
  ]);
}

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
