import * as z from "zod";
import { parseJson } from "../protocol/json.ts";
import { safeLength } from "../protocol/safe-length.ts";
import { type CounterName, type HistogramName, type LabelsOf, METRICS, type MetricName } from "./metrics.ts";

/**
 * Counts as plain data that can be sent, stored and added up. Keys are series; values are `[n]` for a counter and
 * `[sum, first bucket, …, +Inf]` for a histogram, whose buckets are not cumulative here.
 */
export const counterSnapshot = z.record(z.string(), safeLength(z.array(z.number()).min(1)));
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
    if (by > 0) increment(this.#numbersOf(keyOf(name, labels), 1), 0, by);
  }

  /** Adds a value, in the metric's unit, to a histogram. */
  observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, value: number, times = 1): void {
    const bounds: readonly number[] = METRICS[name].buckets;
    const bucket = bounds.findIndex((bound) => value <= bound);
    const numbers = this.#numbersOf(keyOf(name, labels), bounds.length + 2);
    increment(numbers, 0, value * times);
    increment(numbers, bucket < 0 ? bounds.length + 1 : bucket + 1, times);
  }

  /** Adds what was counted elsewhere. */
  add(other: CounterSnapshot): void {
    for (const [key, numbers] of Object.entries(other)) {
      const known = this.#numbersOf(key, numbers.length);
      for (const [i, number] of numbers.entries()) increment(known, i, number);
    }
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

  #numbersOf(key: string, length: number): number[] {
    const known = this.#snapshot[key];
    // Counts of a version with other buckets cannot be redistributed: start over.
    if (known?.length === length) return known;
    const numbers = new Array<number>(length).fill(0);
    this.#snapshot[key] = numbers;
    return numbers;
  }
}

function increment(numbers: number[], index: number, by: number): void {
  numbers[index] = (numbers[index] ?? 0) + by;
}

function keyOf(name: MetricName, labels: Record<string, string>): string {
  return JSON.stringify([name, METRICS[name].labels.map((label) => labels[label] ?? "")]);
}
