import type { ComparisonResult, CurveResult, Figure, Results } from "./results.ts";
import { type Budget, MAX_CLIENT_LOAD } from "./statistics.ts";

/** The result in words: every figure with its ratio and budget, and the load of the client that measured it. */

export const format = (value: number): string =>
  value.toLocaleString("en", { maximumFractionDigits: value >= 100 ? 0 : value >= 10 ? 1 : 2 });
export const boundOf = (budget: Budget) => ("atLeast" in budget ? `≥ ${budget.atLeast}` : `≤ ${budget.atMost}`);
const percent = (share: number) => `${Math.round(share * 100)} %`;

/** Returns a note if the client, and not the server, may have been the limit. */
export function loadWarning(load: number | null): string {
  return load !== null && load > MAX_CLIENT_LOAD ? ` (client ${percent(load)} busy: may be too low)` : "";
}

/** Aligns columns: the first ones to the left, the others to the right. */
function columns(rows: string[][], left = 1): string[] {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

function comparisonInWords({ title, unit, subject, peers }: ComparisonResult): string {
  const cells = ({ title, median, serverMicros, clientLoad }: Figure) => [
    `  ${title}`,
    format(median),
    serverMicros === null ? "" : `${format(serverMicros)} µs`,
    clientLoad === null ? "" : `${percent(clientLoad)}${clientLoad > MAX_CLIENT_LOAD ? " ⚠" : ""}`,
  ];
  const verdict = (isMet: boolean | null) => (isMet === null ? "" : isMet ? "✓" : "✗");
  return [
    title,
    ...columns([
      ["", unit, "server each", "client load", "Tidings ÷ it", "budget", ""],
      [...cells(subject), "", "", ""],
      ...peers.map((peer) => [
        ...cells(peer),
        format(peer.ratio),
        peer.budget ? boundOf(peer.budget) : "",
        verdict(peer.isMet),
      ]),
    ]),
  ].join("\n");
}

function curveInWords({ title, unit, xTitle, series }: CurveResult): string {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))];
  const cell = (point: CurveResult["series"][number]["points"][number] | undefined) => {
    if (!point) return "";
    const warning = (point.clientLoad ?? 0) > MAX_CLIENT_LOAD ? " ⚠" : "";
    return `${format(point.median)}${point.clientLoad === null ? "" : ` (${percent(point.clientLoad)}${warning})`}`;
  };
  return [
    `${title}, ${unit} (client load)`,
    ...columns([
      [`  ${xTitle}`, ...xs.map((x) => x.toLocaleString("en"))],
      ...series.map(({ title, points }) => [`  ${title}`, ...xs.map((at) => cell(points.find(({ x }) => x === at)))]),
    ]),
  ].join("\n");
}

/** The columns of a budget that are words. */
const BUDGET_WORDS = 3;

/** One line per budget, both sides' figures included. */
function budgetsInWords(comparisons: ComparisonResult[]): string[] {
  return columns(
    comparisons.flatMap(({ name, unit, subject, peers }) =>
      peers.flatMap(({ title, median, ratio, budget, isMet }) =>
        budget
          ? [
              [
                `${isMet ? "✓" : "✗"} ${name}`,
                `${format(subject.median)} ${unit}`,
                `${title}: ${format(median)}`,
                format(ratio),
                boundOf(budget),
              ],
            ]
          : [],
      ),
    ),
    BUDGET_WORDS,
  );
}

export function inWords({ machine, versions, comparisons, curves, failures }: Results): string {
  const loads = [...comparisons.flatMap(({ subject, peers }) => [subject, ...peers]), ...curves.flatMap(pointsOf)];
  const isBusy = loads.some(({ clientLoad }) => (clientLoad ?? 0) > MAX_CLIENT_LOAD);
  const budgets = budgetsInWords(comparisons);
  return [
    ...comparisons.map(comparisonInWords),
    ...curves.map(curveInWords),
    ...(budgets.length > 0 ? [["Budgets", ...budgets.map((line) => `  ${line}`)].join("\n")] : []),
    ...failures.map(({ name, reason }) => `✗ ${name} failed: ${reason}`),
    ...(isBusy ? [`⚠ The client was more than ${percent(MAX_CLIENT_LOAD)} busy, so the figure may be too low.`] : []),
    `${machineInWords(machine)}\n${versionsInWords(versions)}`,
  ].join("\n\n");
}

export const machineInWords = ({ cpu, cores, memoryGB, system, loadBefore }: Results["machine"]): string =>
  `${cpu}, ${cores} cores, ${memoryGB} GB, ${system}, load before the run ${loadBefore}`;
export const versionsInWords = (versions: Results["versions"]): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");

const pointsOf = ({ series }: CurveResult) => series.flatMap(({ points }) => points);
