/** From values to coordinates and ticks. */

export interface Scale {
  /** Returns the coordinate of a value. */
  at(value: number): number;
  ticks: number[];
}

type Span = [from: number, to: number];

/** Steps per power of ten, fewer where there are many powers. */
const FINE_STEPS = [1, 2, 5];
const MAX_FINE_DECADES = 2;
/** Noise would look like growth on a shorter axis. */
const MIN_RATIO = 10;

/**
 * A logarithmic scale from the last tick below the values to the first one above them.
 * @param values Positive numbers, at least one.
 */
export function logScale(values: number[], [from, to]: Span): Scale {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  if (!(min > 0)) throw new RangeError("a logarithmic scale has no place for zero");
  const steps = Math.log10(max / min) <= MAX_FINE_DECADES ? FINE_STEPS : [1];
  const lowest = Math.floor(Math.log10(min));
  // One power more than the values need, for the shortest axis.
  const exponents = Array.from({ length: Math.ceil(Math.log10(max)) - lowest + 2 }, (_, i) => lowest + i);
  const candidates = exponents.flatMap((exponent) => steps.map((step) => Number(`${step}e${exponent}`)));
  const low = candidates.findLast((tick) => tick <= min) ?? min;
  const high = candidates.find((tick) => tick >= Math.max(max, low * MIN_RATIO)) ?? max;
  const ticks = candidates.filter((tick) => tick >= low && tick <= high);
  return {
    at: (value) => from + ((to - from) * Math.log10(value / low)) / Math.log10(high / low),
    ticks,
  };
}

/** A scale with equal distances between its values, whatever they are. */
export function pointScale(values: number[], [from, to]: Span): Scale {
  const ticks = [...new Set(values)].sort((a, b) => a - b);
  const step = (to - from) / Math.max(1, ticks.length - 1);
  return { at: (value) => from + step * ticks.indexOf(value), ticks };
}
