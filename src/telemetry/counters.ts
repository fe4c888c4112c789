import * as z from "zod";
import { parseJson } from "../protocol/json.ts";
import { type CounterName, type HistogramName, type LabelsOf, METRICS, type MetricName } from "./metrics.ts";

/**
 * Counts as plain data that can be sent, stored and added up. Keys are series; values are `[n]` for a counter and
 * `[sum, first bucket, …, +Inf]` for a histogram, whose buckets are not cumulative here.
 */
export const counterSnapshot = z.record(z.string(), z.array(z.number()).min(1));
export type CounterSnapshot = z.infer<typeof counterSnapshot>;

/** A metric with a value for each of its labels. */
export interface Series {
  name: MetricName;
  /** In the order of the metric's labels. */
  values: string[];
}

const series = z.tuple([z.string(), z.array(z.string())]);

/** Parses a snapshot's key. Returns null for one that this version does not know: its metric or labels no longer exist. */
export function parseSeries(key: string): Series | null {
  const [name = "", values = []] = series.safeParse(parseJson(key)).data ?? [];
  if (!isMetricName(name) || METRICS[name].labels.length !== values.length) return null;
  return { name, values };
}

function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}

/** Counters in memory. Only `record.ts` calls `count` and `observe`. */
export class Counters {
  #snapshot: CounterSnapshot = {};

  /** Increments a counter; `by` 0 creates no series. */
  count<N extends CounterName>(name: N, labels: LabelsOf<N>, by = 1): void {
    if (by > 0) this.#add(keyOf(name, labels), [by]);
  }

  /** Adds a value, in the metric's unit, to a histogram. */
  observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, value: number, times = 1): void {
    const bounds: readonly number[] = METRICS[name].buckets;
    const bucket = bounds.findIndex((bound) => value <= bound);
    const numbers = new Array<number>(bounds.length + 2).fill(0);
    numbers[0] = value * times;
    numbers[bucket < 0 ? bounds.length + 1 : bucket + 1] = times;
    this.#add(keyOf(name, labels), numbers);
  }

  /** Adds what was counted elsewhere. */
  add(other: CounterSnapshot): void {
    for (const [key, numbers] of Object.entries(other)) this.#add(key, numbers);
  }

  get isEmpty(): boolean {
    return Object.keys(this.#snapshot).length === 0;
  }

  /** Everything counted since the last `take`. */
  get all(): CounterSnapshot {
    return this.#snapshot;
  }

  /** Returns everything counted so far and starts again from zero. */
  take(): CounterSnapshot {
    const taken = this.#snapshot;
    this.#snapshot = {};
    return taken;
  }

  #add(key: string, numbers: readonly number[]): void {
    const known = this.#snapshot[key];
    // Counts of a version with other buckets cannot be redistributed: start over.
    if (!known || known.length !== numbers.length) this.#snapshot[key] = [...numbers];
    else for (const [i, number] of numbers.entries()) known[i] = (known[i] ?? 0) + number;
  }
}

function keyOf(name: MetricName, labels: Partial<Record<string, string>>): string {
  return JSON.stringify([name, METRICS[name].labels.map((label) => labels[label] ?? "")]);
}
