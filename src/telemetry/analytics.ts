import { MAX_DATA_POINTS_PER_INVOCATION } from "../protocol/platform-limits.ts";
import { type CounterSnapshot, parseSeries } from "./counters.ts";
import { METRICS } from "./metrics.ts";

/**
 * Writes counts to Workers Analytics Engine, one data point per series: index1 and blob1 hold the metric, blob2 … its
 * label values in the catalogue's order, double1 the count, double2 the sum of a histogram's values.
 * Series beyond the platform's limit for one invocation are not written.
 */
export function writeDataPoints(dataset: AnalyticsEngineDataset | undefined, counted: CounterSnapshot): void {
  if (!dataset) return;
  for (const [key, numbers] of Object.entries(counted).slice(0, MAX_DATA_POINTS_PER_INVOCATION)) {
    const series = parseSeries(key);
    if (!series) continue;
    const isHistogram = METRICS[series.name].type === "histogram";
    const [first = 0, ...buckets] = numbers;
    const count = isHistogram ? buckets.reduce((sum, number) => sum + number, 0) : first;
    dataset.writeDataPoint({
      indexes: [series.name],
      blobs: [series.name, ...series.values],
      doubles: [count, isHistogram ? first : 0],
    });
  }
}
