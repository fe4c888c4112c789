import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { timeText } from "./describe.ts";
import { useIsDark } from "./theme.tsx";

const HEIGHT_PX = 170;
const MIN_SPAN_SECONDS = 60;
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

interface ChartProps {
  title: string;
  unit: string;
  /** Whether there are no halves. */
  isWhole?: boolean;
  /** Seconds since 1970. */
  times: readonly number[];
  series: readonly { label: string; values: readonly (number | null)[] }[];
}

/** A line chart over time. Its figures stand beside it as text, too: a canvas says nothing to a screen reader. */
export function Chart({ title, unit, isWhole = false, times, series }: ChartProps) {
  const isDark = useIsDark();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const labels = series.map(({ label }) => label).join();

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are other ones when isDark is
  useEffect(() => {
    const { current } = place;
    if (!current) return;
    const drawn = new uPlot(optionsOf(current, labels.split(","), isWhole), [[]], current);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: current.clientWidth, height: HEIGHT_PX }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [labels, isWhole, isDark]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a plot that was made anew has no data
  useEffect(() => {
    plot.current?.setData([[...times], ...series.map(({ values }) => [...values])]);
  }, [times, series, labels, isDark]);

  const latest = series.map(({ label, values }) => `${label} ${figure(values.at(-1), unit)}`).join(", ");
  return (
    <figure className="card chart" data-points={times.length}>
      <figcaption>
        <h2>{title}</h2>
        <ul>
          {series.map(({ label, values }, i) => (
            <li key={label} data-series={i}>
              {label} <strong>{figure(values.at(-1), unit)}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} className="plot" role="img" aria-label={`${title} over time; now: ${latest}`} />
    </figure>
  );
}

function figure(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "—";
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${unit}`;
}

function optionsOf(place: HTMLElement, labels: string[], isWhole: boolean): uPlot.Options {
  const style = getComputedStyle(place);
  const colour = (name: string) => {
    // A custom property may be `light-dark(…)`; what is drawn has to be a colour.
    place.style.color = `var(${name})`;
    const { color } = getComputedStyle(place);
    place.style.color = "";
    return color;
  };
  const axis = {
    stroke: colour("--muted"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false },
    scales: {
      x: { range: (_, from, to) => spanOf(from ?? to, to) },
      y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, space: 80, size: 28, values: (_, seconds) => seconds.map((at) => timeText(new Date(at * 1000))) },
      { ...axis, size: 44, ...(isWhole && { incrs: WHOLE_STEPS }) },
    ],
    series: [
      {},
      ...labels.map((label, i) => ({
        label,
        stroke: colour(`--series-${i}`),
        width: 2,
        points: { show: false },
        spanGaps: true,
      })),
    ],
  };
}

/** A minute at least, so that the first points stand where they will stay. */
function spanOf(from: number | null, to: number | null): [number, number] {
  const end = to ?? Date.now() / 1000;
  return [Math.min(from ?? end, end - MIN_SPAN_SECONDS), end];
}
