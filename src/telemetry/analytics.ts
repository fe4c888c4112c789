import { type CounterSnapshot, parseSeries } from "./counters.ts";
import { METRICS } from "./metrics.ts";

/** So many data points one invocation may write (Workers Analytics Engine, limits). */
const MAX_DATA_POINTS = 250;

/**
 * Hands what was counted to Workers Analytics Engine, a data point a series: index1 and blob1 the metric, blob2 … the
 * values of its labels in the catalogue's order; double1 how often it happened, double2 the sum of a histogram's values.
 */
export function writeDataPoints(dataset: AnalyticsEngineDataset | undefined, counted: CounterSnapshot): void {
  if (!dataset) return;
  for (const [key, numbers] of Object.entries(counted).slice(0, MAX_DATA_POINTS)) {
    const series = parseSeries(key);
    if (!series) continue;
    const isHistogram = METRICS[series.name].type === "histogram";
    const [first = 0, ...buckets] = numbers;
    const happened = isHistogram ? buckets.reduce((sum, number) => sum + number, 0) : first;
    dataset.writeDataPoint({
      indexes: [series.name],
      blobs: [series.name, ...series.values],
      doubles: [happened, isHistogram ? first : 0],
    });
  }
}
