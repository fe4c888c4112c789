/** The scales of a line chart. Pure. */

type Values = readonly (number | null)[];

/** Returns the top of the value axis: the smallest of 1, 2, 5, 10, 20 … that no value exceeds. */
export function axisTop(series: readonly Values[]): number {
  const max = Math.max(1, ...series.flat().map((value) => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(max));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= max) ?? max;
}

/** Returns the values that the axis names. @param isWhole Leaves out fractions. */
export function axisTicks(top: number, isWhole: boolean): number[] {
  return [0, top / 2, top].filter((tick) => !isWhole || Number.isInteger(tick));
}

/** Returns the range of the time axis in seconds. It covers at least a minute, so that the first points stay in place. */
export function timeRange(times: readonly number[]): [from: number, to: number] {
  const to = times.at(-1) ?? 0;
  return [Math.min(times[0] ?? to, to - 60), to];
}

/** Returns an SVG path through the values that are known; a gap where one is not. */
export function linePath(times: readonly number[], values: Values, x: (t: number) => number, y: (v: number) => number) {
  let isDrawing = false;
  let path = "";
  times.forEach((time, i) => {
    const value = values[i];
    if (value === null || value === undefined) {
      isDrawing = false;
      return;
    }
    path += `${isDrawing ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    isDrawing = true;
  });
  return path;
}
