import * as z from "zod";
import { type Measure, plot } from "./plot.ts";
import { MIN_VALUES, median, trendOf } from "./trend.ts";

/** What the samples of an endurance run prove. */

export const sample = z.object({
  /** Each start of the run is a part, with a process of its own. */
  part: z.int(),
  /** Since the part began. */
  seconds: z.number(),
  memoryMB: z.number(),
  descriptors: z.number(),
  storageMB: z.number(),
  /** Of the service. */
  cpuMsPerEvent: z.number(),
  /** From publish to arrival. */
  p50: z.number(),
  p99: z.number(),
  /** How many processor cores were busy with other programs than this run's. */
  othersCores: z.number(),
  sockets: z.number(),
  published: z.number(),
  refused: z.number(),
  received: z.number(),
  joins: z.number(),
});
export type Sample = z.infer<typeof sample>;

export const enduranceResult = z.object({
  sockets: z.int(),
  eventsPerSecond: z.int(),
  samples: z.array(sample),
});
export type EnduranceResult = z.infer<typeof enduranceResult>;

const MEASURES = ["memoryMB", "descriptors", "storageMB", "cpuMsPerEvent", "p50", "p99"] as const;
/** Other programs slow these down, so they are judged only by samples during which little else ran. */
const TIMES = new Set<Judgement["measure"]>(["cpuMsPerEvent", "p50", "p99"]);
const CALM_CORES = 0.5;

export interface Judgement {
  part: number;
  measure: (typeof MEASURES)[number];
  /** The number of samples. */
  values: number;
  median: number;
  growth: number;
  z: number;
  verdict: "no trend" | "grows" | "too short" | "too busy a machine";
}

/** Looks for trends in the second half of each part, when caches and histories are full. */
export function judge(samples: readonly Sample[]): Judgement[] {
  const parts = [...new Set(samples.map(({ part }) => part))];
  return parts.flatMap((part) => {
    const ofPart = samples.filter((one) => one.part === part);
    const later = ofPart.slice(Math.floor(ofPart.length / 2));
    const calm = later.filter(({ othersCores }) => othersCores < CALM_CORES);
    return MEASURES.map((measure): Judgement => {
      const isTooBusy = TIMES.has(measure) && calm.length < MIN_VALUES;
      const values = (TIMES.has(measure) && !isTooBusy ? calm : later).map((one) => one[measure]);
      const { growth, z, isGrowing } = trendOf(values);
      const found = isGrowing ? "grows" : "no trend";
      const verdict = values.length < MIN_VALUES ? "too short" : isTooBusy ? "too busy a machine" : found;
      return { part, measure, values: values.length, median: median(values), growth, z, verdict };
    });
  });
}

/** Whether nothing grows and nothing was refused. */
export const isSound = ({ samples }: EnduranceResult): boolean =>
  samples.every(({ refused }) => refused === 0) && judge(samples).every(({ verdict }) => verdict !== "grows");

/** The samples that end a part: their counters are the part's. */
export const lastOfParts = (samples: readonly Sample[]): Sample[] =>
  samples.filter(({ part }, i) => samples[i + 1]?.part !== part);

export function enduranceReport(result: EnduranceResult): string {
  const { samples, sockets, eventsPerSecond } = result;
  const lines = [
    `${samples.length} samples, ${sockets} sockets, ${eventsPerSecond} events/s`,
    "",
    "part | measure | samples | median | growth in the second half | z | verdict",
    "--- | --- | --- | --- | --- | --- | ---",
    ...judge(samples).map(({ part, measure, values, median, growth, z, verdict }) =>
      [part, measure, values, median.toFixed(2), `${(100 * growth).toFixed(1)} %`, z.toFixed(2), verdict].join(" | "),
    ),
    "",
    ...lastOfParts(samples).map(
      ({ part, published, refused, received, joins }) =>
        `part ${part}: ${published} events published, ${refused} refused, ${received} received, ${joins} joins`,
    ),
    isSound(result) ? "sound" : "NOT SOUND",
  ];
  return `${lines.join("\n")}\n`;
}

export function drawing({ samples, sockets, eventsPerSecond }: EnduranceResult, sampleMs: number): string {
  const minutes = samples.map((_, i) => ((i + 1) * sampleMs) / 60_000);
  const draw = (name: string, unit: string, ...of: (keyof Sample)[]): Measure => ({
    name,
    unit,
    lines: of.map((label) => ({ label, values: samples.map((one) => one[label]) })),
  });
  return plot(`${sockets} sockets, ${eventsPerSecond} events/s`, minutes, [
    draw("Memory of the service", "MB", "memoryMB"),
    draw("File descriptors and sockets", "number", "descriptors", "sockets"),
    draw("Storage", "MB", "storageMB"),
    draw("Publish to arrival", "ms", "p50", "p99"),
    draw("Processor time of the service for an event", "ms", "cpuMsPerEvent"),
    draw("Processors busy with other programs", "cores", "othersCores"),
  ]);
}
