import * as z from "zod";
import { type CounterName, type HistogramName, type LabelsOf, METRICS, type MetricName } from "./metrics.ts";

/**
 * What has been counted, as plain data that can be sent, stored and added up: by series, `[n]` for a counter,
 * `[sum, first bucket, …, +Inf]` for a histogram. A bucket holds only what no lower one does.
 */
export const counterSnapshot = z.record(z.string(), z.array(z.number()).min(1));
export type CounterSnapshot = z.infer<typeof counterSnapshot>;

/** A series is a metric with a value for each of its labels. */
export interface Series {
  name: MetricName;
  /** In the order of the metric's labels. */
  values: string[];
}

const series = z.tuple([z.string(), z.array(z.string())]);

/** @returns What `Counters` wrote as a key; null when another version did, of a metric that is no more. */
export function parseSeries(key: string): Series | null {
  const [name = "", values = []] = series.safeParse(JSON.parse(key)).data ?? [];
  if (!isMetricName(name) || METRICS[name].labels.length !== values.length) return null;
  return { name, values };
}

function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}

/** Counters in memory, until somebody takes what was counted. */
export class Counters {
  #snapshot: CounterSnapshot = {};

  /** Counters something that happened, `by` times. */
  count<N extends CounterName>(name: N, labels: LabelsOf<N>, by = 1): void {
    if (by > 0) this.#add(keyOf(name, labels), [by]);
  }

  /** Puts a value, in the metric's unit, into its bucket. */
  observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, value: number, times = 1): void {
    const buckets: readonly number[] = METRICS[name].buckets;
    const place = buckets.findIndex((bound) => value <= bound);
    const numbers = new Array<number>(buckets.length + 2).fill(0);
    numbers[0] = value * times;
    numbers[place < 0 ? buckets.length + 1 : place + 1] = times;
    this.#add(keyOf(name, labels), numbers);
  }

  /** Adds what somebody else has counted. */
  add(other: CounterSnapshot): void {
    for (const [key, numbers] of Object.entries(other)) this.#add(key, numbers);
  }

  /** All that was counted so far. */
  get all(): CounterSnapshot {
    return this.#snapshot;
  }

  /** All that was counted since it was last taken; it is the caller's now. */
  take(): CounterSnapshot {
    const taken = this.#snapshot;
    this.#snapshot = {};
    return taken;
  }

  #add(key: string, numbers: readonly number[]): void {
    const known = this.#snapshot[key];
    // A version with other buckets wrote it: what it counted cannot be divided anew.
    if (!known || known.length !== numbers.length) this.#snapshot[key] = [...numbers];
    else for (const [i, number] of numbers.entries()) known[i] = (known[i] ?? 0) + number;
  }
}

function keyOf(name: MetricName, labels: Partial<Record<string, string>>): string {
  return JSON.stringify([name, METRICS[name].labels.map((label) => labels[label] ?? "")]);
}
