import type { MetricName } from "../../../../telemetry/metrics.ts";

/** Parses the parts of Prometheus' text format that the charts need. */

export type SampleLabels = Record<string, string>;

interface ParsedSample {
  labels: SampleLabels;
  value: number;
}

/** Samples by metric name. */
export type Scrape = ReadonlyMap<string, ParsedSample[]>;

export function parseMetrics(text: string): Scrape {
  const scrape = new Map<string, ParsedSample[]>();
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    scrape.set(name, [...(scrape.get(name) ?? []), { labels: Object.fromEntries(pairs), value: Number(value) }]);
  }
  return scrape;
}

/** Returns the sum of all series of a metric that have these labels. */
export function total(scrape: Scrape, name: MetricName, labels: SampleLabels = {}): number {
  return (scrape.get(name) ?? [])
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** A histogram's cumulative counts by upper bound, summed over its series. */
type Buckets = ReadonlyMap<number, number>;

export function bucketsOf(scrape: Scrape, name: MetricName): Buckets {
  const buckets = new Map<number, number>();
  for (const { labels, value } of scrape.get(`${name}_bucket`) ?? []) {
    const bound = labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return buckets;
}

/**
 * Returns a quantile of the observations between two scrapes, computed as Prometheus' `histogram_quantile` does: linear
 * within a bucket.
 * @param q From 0 to 1.
 * @returns In the histogram's unit; null if there were no observations.
 */
export function quantile(q: number, before: Buckets, after: Buckets): number | null {
  const counts = [...after].sort(([a], [b]) => a - b).map(([le, n]) => ({ le, n: n - (before.get(le) ?? 0) }));
  const rank = q * (counts.at(-1)?.n ?? 0);
  if (rank <= 0) return null;
  let [lowerBound, lowerCount] = [0, 0];
  for (const { le, n } of counts) {
    if (n >= rank) {
      if (le === Number.POSITIVE_INFINITY) return lowerBound;
      return lowerBound + ((le - lowerBound) * (rank - lowerCount)) / (n - lowerCount);
    }
    [lowerBound, lowerCount] = [le, n];
  }
  return lowerBound;
}
