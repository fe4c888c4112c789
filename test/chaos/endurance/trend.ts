/**
 * Whether a measure drifts: the Mann-Kendall test says whether later values tend to be higher than earlier ones, and the
 * Theil-Sen slope by how much. Both depend on ranks and medians, so that single outliers do not matter.
 */

export interface Trend {
  /** Standard deviations from what values without a trend have; positive for growth. */
  z: number;
  /** The growth over the whole time, as a share of the median. */
  growth: number;
  isGrowing: boolean;
}

/** A trend this significant comes by chance once in a thousand runs (one-sided). */
const SIGNIFICANT_Z = 3.09;
/** Growth below this share of the median over the whole time is no trend that matters. */
const MIN_GROWTH = 0.1;
/** Fewer values prove nothing. */
export const MIN_VALUES = 10;

export function trendOf(values: readonly number[]): Trend {
  const n = values.length;
  if (n < MIN_VALUES) return { z: 0, growth: 0, isGrowing: false };
  let score = 0;
  const slopes: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const difference = (values[j] ?? 0) - (values[i] ?? 0);
      score += Math.sign(difference);
      slopes.push(difference / (j - i));
    }
  }
  const deviation = Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const z = (score - Math.sign(score)) / deviation;
  const growth = (median(slopes) * (n - 1)) / (Math.abs(median(values)) || 1);
  return { z, growth, isGrowing: z > SIGNIFICANT_Z && growth > MIN_GROWTH };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** @param share From 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
