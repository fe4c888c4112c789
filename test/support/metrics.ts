import { METRICS, type MetricName } from "../../src/telemetry/metrics.ts";

/** A minimal parser for `GET /metrics`; the syntax is checked with `promtool`. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export function parseMetrics(text: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === "") throw new Error(`not a sample: ${line}`);
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", text = ""]) => [
        label,
        text,
      ]);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

/** @returns The sum of a metric's samples with these labels; for a histogram, the number of observations. */
export function metricValue(samples: Sample[], metric: MetricName, labels: Record<string, string> = {}): number {
  const name = METRICS[metric].type === "histogram" ? `${metric}_count` : metric;
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
