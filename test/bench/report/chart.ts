import type { CurveResult, Results } from "./results.ts";
import { logScale, pointScale, type Scale } from "./scale.ts";
import { machineInWords } from "./table.ts";

/** The growth curves as one SVG: a panel per curve, legible on light and dark pages, and without colours. */

const COLUMNS = 2;
const PANEL = { width: 470, height: 330 };
/** Room around the plot of a panel: for its title and legend, and the labels of its axes. */
const MARGIN = { top: 84, right: 22, bottom: 50, left: 62 };
const HEADER = 66;
const FOOTER = 48;
/** The legend's entries in a row. */
const LEGEND_COLUMNS = 2;

/** A series has the same colour and mark in every panel. */
const MARKS: ((x: number, y: number) => string)[] = [
  (x, y) => `<circle cx="${x}" cy="${y}" r="4"/>`,
  (x, y) => `<rect x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`,
  (x, y) => `<path d="M${x} ${y - 5}l5 9h-10z"/>`,
  (x, y) => `<path d="M${x} ${y + 5}l5 -9h-10z"/>`,
  (x, y) => `<path d="M${x} ${y - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z"/>`,
  (x, y) => `<path d="M${x - 4} ${y - 4}l8 8m0 -8l-8 8" class="cross"/>`,
];

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: var(--text); }
.heading { font-size: 20px; font-weight: 600; }
.title { font-size: 14px; font-weight: 600; }
.quiet { fill: var(--quiet); }
.page { fill: var(--page); }
.grid { stroke: var(--grid); }
.line { fill: none; stroke-width: 2; }
.cross { fill: none; stroke-width: 2; }
svg { --page: #fff; --text: #1f2328; --quiet: #59636e; --grid: #d1d9e0;
  --c0: #0550ae; --c1: #b35900; --c2: #116329; --c3: #a0267f; --c4: #6a5500; --c5: #57606a; }
@media (prefers-color-scheme: dark) {
  svg { --page: #0d1117; --text: #f0f6fc; --quiet: #9198a1; --grid: #3d444d;
    --c0: #79c0ff; --c1: #ffa657; --c2: #7ee787; --c3: #ff9bce; --c4: #e3c95b; --c5: #b1bac4; }
}
`;

/** Returns an SVG document. */
export function growthChart({ date, machine, curves }: Pick<Results, "date" | "machine" | "curves">): string {
  const drawn = curves.filter(({ series }) => series.length > 0);
  const styles = [...new Set(drawn.flatMap(({ series }) => series.map(({ title }) => title)))];
  const width = COLUMNS * PANEL.width;
  const height = HEADER + Math.ceil(drawn.length / COLUMNS) * PANEL.height + FOOTER;
  const panels = drawn.map((curve, i) => {
    const x = (i % COLUMNS) * PANEL.width;
    const y = HEADER + Math.floor(i / COLUMNS) * PANEL.height;
    return `<g transform="translate(${x} ${y})">${panel(curve, styles)}</g>`;
  });
  const made = `${date.slice(0, 10)}, ${machineInWords(machine)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description">
<title id="title">How Tidings and its peers grow</title>
<desc id="description">${escaped(drawn.map(describe).join(" "))}</desc>
<style>${STYLE}</style>
<rect class="page" width="${width}" height="${height}"/>
<text class="heading" x="16" y="34">How Tidings and its peers grow</text>
<text class="quiet" x="16" y="54">Server and client on one machine. All axes are logarithmic except that of the shards.</text>
${panels.join("\n")}
<text class="quiet" x="16" y="${height - 18}">${escaped(made)}</text>
</svg>
`;
}

function panel({ title, unit, xTitle, series }: CurveResult, styles: string[]): string {
  const { width, height } = PANEL;
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const points = series.flatMap(({ points }) => points);
  const xs = points.map(({ x }) => x);
  // Zero has no place on a logarithmic axis.
  const scaleOfX = xs.includes(0) ? pointScale : logScale;
  const x = scaleOfX(xs, [MARGIN.left, right]);
  const y = logScale(
    points.map(({ median }) => median),
    [bottom, MARGIN.top],
  );
  return [
    `<text class="title" x="16" y="20">${escaped(title)}</text>`,
    ...series.map(({ title }, i) => legend(title, i, styles.indexOf(title))),
    ...y.ticks.map((tick) => {
      const at = round(y.at(tick));
      return (
        `<path class="grid" d="M${MARGIN.left} ${at}H${right}"/>` +
        `<text class="quiet" x="${MARGIN.left - 8}" y="${at + 4}" text-anchor="end">${short(tick)}</text>`
      );
    }),
    ...x.ticks.map(
      (tick) =>
        `<text class="quiet" x="${round(x.at(tick))}" y="${bottom + 18}" text-anchor="middle">${short(tick)}</text>`,
    ),
    `<text x="${(MARGIN.left + right) / 2}" y="${height - 12}" text-anchor="middle">${escaped(xTitle)}</text>`,
    `<text transform="translate(16 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(unit)}</text>`,
    ...series.map(({ title, points }) => line(points, { x, y }, styles.indexOf(title))),
  ].join("\n");
}

function line(
  points: CurveResult["series"][number]["points"],
  { x, y }: { x: Scale; y: Scale },
  style: number,
): string {
  const at = points.map((point) => [round(x.at(point.x)), round(y.at(point.median))] as const);
  const colour = `var(--c${style % MARKS.length})`;
  const marks = at.map(([x, y]) => MARKS[style % MARKS.length]?.(x, y) ?? "");
  return `<path class="line" stroke="${colour}" d="M${at.map((point) => point.join(" ")).join("L")}"/><g fill="${colour}" stroke="${colour}">${marks.join("")}</g>`;
}

function legend(title: string, i: number, style: number): string {
  const x = 24 + (i % LEGEND_COLUMNS) * 220;
  const y = 38 + Math.floor(i / LEGEND_COLUMNS) * 16;
  const colour = `var(--c${style % MARKS.length})`;
  const mark = MARKS[style % MARKS.length]?.(x, y - 4) ?? "";
  return `<g fill="${colour}" stroke="${colour}">${mark}</g><text x="${x + 12}" y="${y}">${escaped(title)}</text>`;
}

/** The ends of each series in a sentence, for those who do not see the chart. */
function describe({ title, unit, xTitle, series }: CurveResult): string {
  const ends = series.map(({ title, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return first && last
      ? `${title} from ${exact(first.median)} at ${short(first.x)} to ${exact(last.median)} at ${short(last.x)}`
      : title;
  });
  return `${title}, in ${unit}, by ${xTitle}: ${ends.join("; ")}.`;
}

const round = (value: number) => Math.round(value * 10) / 10;
const short = (value: number) => value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 });
const exact = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
