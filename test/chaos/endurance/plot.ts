/** Draws measures over time as an SVG, one small plot below the other. */

export interface Measure {
  name: string;
  unit: string;
  /** One value for each sample; lines that belong together share a plot. */
  lines: { label: string; values: number[] }[];
}

const WIDTH = 720;
const HEIGHT = 120;
const LEFT = 70;
const TOP = 28;
const COLORS = ["#1f6feb", "#d1242f", "#8250df"];

/** @param minutes When each sample was taken. */
export function plot(title: string, minutes: number[], measures: Measure[]): string {
  const end = Math.max(1, ...minutes);
  const x = (minute: number) => LEFT + (minute / end) * (WIDTH - LEFT - 10);
  const plots = measures.map(({ name, unit, lines }, row) => {
    const top = TOP + row * (HEIGHT + 40) + 20;
    const highest = Math.max(1e-9, ...lines.flatMap(({ values }) => values)) * 1.1;
    const y = (value: number) => top + HEIGHT - (value / highest) * HEIGHT;
    const drawn = lines.map(({ values }, i) => {
      const points = values.map((value, at) => `${x(minutes[at] ?? 0).toFixed(1)},${y(value).toFixed(1)}`);
      return `<polyline fill="none" stroke="${COLORS[i % COLORS.length]}" stroke-width="1.5" points="${points.join(" ")}"/>`;
    });
    const legend = lines.map(({ label }, i) => `<tspan fill="${COLORS[i % COLORS.length]}" dx="8">${label}</tspan>`);
    return [
      `<text x="${LEFT}" y="${top - 6}">${name} (${unit})${lines.length > 1 ? legend.join("") : ""}</text>`,
      `<path d="M${LEFT} ${top}V${top + HEIGHT}H${WIDTH - 10}" fill="none" stroke="#888"/>`,
      `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${Number(highest.toPrecision(3))}</text>`,
      `<text x="${LEFT - 6}" y="${top + HEIGHT}" text-anchor="end">0</text>`,
      ...drawn,
    ].join("\n");
  });
  const height = TOP + measures.length * (HEIGHT + 40) + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="18" font-weight="bold">${title}</text>
${plots.join("\n")}
<text x="${WIDTH - 10}" y="${height - 6}" text-anchor="end">${end.toFixed(0)} minutes</text>
</svg>
`;
}
