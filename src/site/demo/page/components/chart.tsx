import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { formatTime } from "./event-text.ts";
import { useIsDark } from "./theme.tsx";

const HEIGHT_PX = 170;
const MIN_SPAN_SECONDS = 60;
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

interface ChartProps {
  title: string;
  unit: string;
  /** Whether the values are whole numbers. Default: false. */
  isWhole?: boolean;
  /** Seconds since 1970. */
  times: readonly number[];
  series: readonly { label: string; values: readonly (number | null)[] }[];
}

/** A line chart over time. The latest values also appear as text, because a canvas is invisible to screen readers. */
export function Chart({ title, unit, isWhole = false, times, series }: ChartProps) {
  const isDark = useIsDark();
  const container = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  // As text, so that equal labels are the same dependency. No label has a line break.
  const labels = series.map(({ label }) => label).join("\n");

  // biome-ignore lint/correctness/useExhaustiveDependencies: isDark changes the colors
  useEffect(() => {
    const { current } = container;
    if (!current) return;
    const created = new uPlot(plotOptions(current, labels.split("\n"), isWhole), [[]], current);
    plot.current = created;
    const observer = new ResizeObserver(() => created.setSize({ width: current.clientWidth, height: HEIGHT_PX }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = undefined;
    };
  }, [labels, isWhole, isDark]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a recreated plot has no data
  useEffect(() => {
    plot.current?.setData([[...times], ...series.map(({ values }) => [...values])]);
  }, [times, series, labels, isDark]);

  const latest = series.map(({ label, values }) => `${label} ${formatValue(values.at(-1), unit)}`).join(", ");
  return (
    <figure className="card chart" data-points={times.length}>
      <figcaption>
        <h2>{title}</h2>
        <ul>
          {series.map(({ label, values }, i) => (
            <li key={label} data-series={i}>
              {label} <strong>{formatValue(values.at(-1), unit)}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={container} className="plot" role="img" aria-label={`${title} over time. Latest: ${latest}`} />
    </figure>
  );
}

function formatValue(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "—";
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${unit}`;
}

function plotOptions(container: HTMLElement, labels: string[], isWhole: boolean): uPlot.Options {
  const style = getComputedStyle(container);
  const color = (name: string) => {
    // Resolves `light-dark(…)` to a color that a canvas accepts.
    container.style.color = `var(${name})`;
    const resolved = getComputedStyle(container).color;
    container.style.color = "";
    return resolved;
  };
  const axis = {
    stroke: color("--muted"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: container.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false },
    scales: {
      x: { range: (_, from, to) => timeSpan(from ?? to, to) },
      y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, space: 80, size: 28, values: (_, seconds) => seconds.map((at) => formatTime(new Date(at * 1000))) },
      { ...axis, size: 44, ...(isWhole && { incrs: WHOLE_STEPS }) },
    ],
    series: [
      {},
      ...labels.map((label, i) => ({
        label,
        stroke: color(`--series-${i}`),
        width: 2,
        points: { show: false },
        spanGaps: true,
      })),
    ],
  };
}

/** Returns the range of the time axis. It covers at least a minute, so that the first points stay in place. */
function timeSpan(from: number | null, to: number | null): [number, number] {
  const end = to ?? Date.now() / 1000;
  return [Math.min(from ?? end, end - MIN_SPAN_SECONDS), end];
}
