import { type CounterSnapshot, parseSeries, type Series } from "./counters.ts";
import { type GaugeName, type LabelsOf, METRICS, type Metric, type MetricName } from "./metrics.ts";

/** The Prometheus text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure. */

export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A gauge's current value. */
export type Gauge = { [N in GaugeName]: { name: N; labels: LabelsOf<N>; value: number } }[GaugeName];

const metricNames = Object.keys(METRICS) as MetricName[];

interface Sample extends Series {
  numbers: readonly number[];
}

/** The label values of series, in the order of the metric's labels. */
type SeriesLists = Partial<Record<MetricName, string[][]>>;

/**
 * Writes all metrics in the catalogue's order.
 * @param known Series that are 0 until they are counted; others appear when they are first counted.
 */
export function exposition(counted: CounterSnapshot, gauges: Gauge[], known: SeriesLists = {}): string {
  const samples = new Map<string, Sample>();
  const add = (sample: Sample) => samples.set(JSON.stringify([sample.name, sample.values]), sample);
  for (const name of metricNames) for (const values of known[name] ?? []) add({ name, values, numbers: [] });
  for (const [key, numbers] of Object.entries(counted)) {
    const series = parseSeries(key);
    if (series) add({ ...series, numbers });
  }
  for (const { name, labels, value } of gauges) {
    const named: Record<string, string> = labels;
    add({ name, values: METRICS[name].labels.map((label) => named[label] ?? ""), numbers: [value] });
  }

  const byName = Map.groupBy(samples.values(), ({ name }) => name);
  return metricNames
    .map((name) => {
      const { type, help, labels }: Metric = METRICS[name];
      const lines = (byName.get(name) ?? []).flatMap((sample) =>
        type === "histogram" ? histogram(labels, sample) : [line(name, labels, sample.values, sample.numbers[0])],
      );
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
    })
    .join("");
}

function histogram(labels: readonly string[], { name, values, numbers }: Sample): string[] {
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
