import { type CounterSnapshot, parseSeries } from "./counters.ts";
import { type GaugeName, type LabelsOf, METRICS, type Metric, type MetricName } from "./metrics.ts";

/** The Prometheus text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure. */

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A gauge's current value. */
export type Gauge = { [N in GaugeName]: { name: N; labels: LabelsOf<N>; value: number } }[GaugeName];

interface Sample {
  values: string[];
  numbers: readonly number[];
}

/**
 * Writes all metrics in the catalogue's order. A counter without labels starts at 0; a series with labels appears when
 * it is first counted.
 */
export function exposition(counted: CounterSnapshot, gauges: Gauge[]): string {
  const samples = new Map<MetricName, Sample[]>();
  const add = (name: MetricName, sample: Sample) => samples.set(name, [...(samples.get(name) ?? []), sample]);
  for (const [key, numbers] of Object.entries(counted)) {
    const series = parseSeries(key);
    if (series) add(series.name, { values: series.values, numbers });
  }
  for (const { name, labels, value } of gauges) {
    const named: Record<string, string> = labels;
    add(name, { values: METRICS[name].labels.map((label) => named[label] ?? ""), numbers: [value] });
  }

  return (Object.keys(METRICS) as MetricName[])
    .map((name) => {
      const { type, help, labels }: Metric = METRICS[name];
      const initial = type === "counter" && labels.length === 0 ? [{ values: [], numbers: [0] }] : [];
      const lines = (samples.get(name) ?? initial).flatMap((sample: Sample) =>
        type === "histogram" ? histogram(name, labels, sample) : [line(name, labels, sample.values, sample.numbers[0])],
      );
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
    })
    .join("");
}

function histogram(name: MetricName, labels: readonly string[], { values, numbers }: Sample): string[] {
  const { buckets: bounds = [] }: Metric = METRICS[name];
  const [sum = 0, ...counts] = numbers;
  let cumulative = 0;
  const buckets = [...bounds.map(String), "+Inf"].map((bound, i) => {
    cumulative += counts[i] ?? 0;
    return line(`${name}_bucket`, [...labels, "le"], [...values, bound], cumulative);
  });
  return [...buckets, line(`${name}_sum`, labels, values, sum), line(`${name}_count`, labels, values, cumulative)];
}

function line(name: string, labels: readonly string[], values: string[], value = 0): string {
  const pairs = labels.map((label, i) => `${label}="${escaped(values[i] ?? "")}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join()}}` : ""} ${value}`;
}

const escaped = (value: string) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
