import { useRef } from "react";
import { axisTicks, axisTop, linePath, timeRange } from "./chart-scale.ts";
import { formatTime } from "./event-text.ts";
import { useWidth } from "./use-width.ts";

const HEIGHT_PX = 170;
const EDGE = { left: 42, right: 8, top: 12, bottom: 26 };

interface ChartProps {
  title: string;
  unit: string;
  /** What to do while there is nothing to show. */
  empty: string;
  /** Whether the values are whole numbers. Default: false. */
  isWhole?: boolean;
  /** Seconds since 1970. */
  times: readonly number[];
  /** At most two: the second is dashed, so that both can be told apart where they coincide, and without color. */
  series: readonly { label: string; values: readonly (number | null)[] }[];
}

/** A line chart over time. The latest values also appear as text. */
export function Chart({ title, unit, empty, isWhole = false, times, series }: ChartProps) {
  const container = useRef<HTMLDivElement>(null);
  const width = useWidth(container);
  const isEmpty = series.every(({ values }) => values.every((value) => !value));
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
      <div ref={container} className="plot">
        {isEmpty ? (
          <p className="empty">{empty}</p>
        ) : (
          <Lines label={`${title} over time`} width={width} isWhole={isWhole} times={times} series={series} />
        )}
      </div>
    </figure>
  );
}

interface LinesProps extends Pick<ChartProps, "times" | "series"> {
  label: string;
  width: number;
  isWhole: boolean;
}

function Lines({ label, width, isWhole, times, series }: LinesProps) {
  const [from, to] = timeRange(times);
  const top = axisTop(series.map(({ values }) => values));
  const right = width - EDGE.right;
  const bottom = HEIGHT_PX - EDGE.bottom;
  const x = (time: number) => EDGE.left + ((time - from) / (to - from)) * (right - EDGE.left);
  const y = (value: number) => bottom - (value / top) * (bottom - EDGE.top);
  const marks = [
    { time: from, anchor: "start" },
    { time: to, anchor: "end" },
  ] as const;
  return (
    <svg width={width} height={HEIGHT_PX} role="img" aria-label={label}>
      {axisTicks(top, isWhole).map((tick) => (
        <g key={tick}>
          <line x1={EDGE.left} x2={right} y1={y(tick)} y2={y(tick)} />
          <text x={EDGE.left - 8} y={y(tick) + 4} textAnchor="end">
            {tick.toLocaleString("en")}
          </text>
        </g>
      ))}
      {marks.map(({ time, anchor }) => (
        <text key={anchor} x={x(time)} y={HEIGHT_PX - 6} textAnchor={anchor}>
          {formatTime(new Date(time * 1000))}
        </text>
      ))}
      {series.map(({ label, values }, i) => (
        <path key={label} data-series={i} d={linePath(times, values, x, y)} />
      ))}
    </svg>
  );
}

function formatValue(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "—";
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${unit}`;
}
