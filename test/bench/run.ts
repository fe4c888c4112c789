import type { Comparison, Contestant } from "./comparisons.ts";
import type { Curve } from "./curves.ts";
import type { Measure } from "./measures/timed.ts";
import type { ComparisonResult, CurveResult, Figure, Point } from "./report/results.ts";
import { meets, type Round, summarize } from "./report/statistics.ts";
import { format, loadWarning } from "./report/table.ts";

/** Runs measurements, with a line of progress per round on standard error. */

/** Contestants take turns, so that a change of the machine's load meets all of them. */
export async function runComparison(comparison: Comparison): Promise<ComparisonResult | null> {
  const { name, title, unit, rounds, warmsUp, subject, peers } = comparison;
  const lanes: { contestant: Contestant; measure: Measure; rounds: Round[] }[] = [];
  for (const contestant of [...peers, subject]) {
    const measure = await contestant.prepare();
    if (measure) lanes.push({ contestant, measure, rounds: [] });
  }
  for (let i = warmsUp ? 0 : 1; i <= rounds; i++) {
    const values: string[] = [];
    for (const { contestant, measure, rounds } of lanes) {
      const round = await measure.round();
      values.push(`${contestant.title} ${format(round.value)}`);
      if (i > 0) rounds.push(round);
    }
    console.error(`${name} ${i === 0 ? "warm-up" : `${i}/${rounds}`}: ${values.join(" · ")} ${unit}`);
  }
  for (const { measure } of lanes) await measure.close();

  const figureOf = (contestant: Contestant): Figure | undefined => {
    const lane = lanes.find((lane) => lane.contestant === contestant);
    return lane && { title: contestant.title, ...summarize(lane.rounds) };
  };
  const own = figureOf(subject);
  if (!own) return null;
  const compared = peers.flatMap((peer) => {
    const figure = figureOf(peer);
    if (!figure) return [];
    const ratio = own.median / figure.median;
    return [{ ...figure, ratio, budget: peer.budget, isMet: peer.budget && meets(ratio, peer.budget) }];
  });
  return { name, title, unit, subject: own, peers: compared };
}

/** One series at a time, because all sockets together would be more than this process may have. */
export async function runCurve({ name, title, unit, x, rounds, series }: Curve): Promise<CurveResult> {
  const lines: CurveResult["series"] = [];
  for (const { title, prepare } of series) {
    const points: Point[] = [];
    for (const value of x.values) {
      const measure = await prepare(value);
      if (!measure) break;
      const point = { x: value, ...summarize(await roundsOf(measure, rounds)) };
      points.push(point);
      const text = `${format(point.median)} ${unit}${loadWarning(point.clientLoad)}`;
      console.error(`${name}, ${title}, ${format(value)} ${x.title}: ${text}`);
    }
    if (points.length > 0) lines.push({ title, points });
  }
  return { name, title, unit, xTitle: x.title, series: lines };
}

/** The first round lets the JIT compiler warm up and does not count. */
async function roundsOf(measure: Measure, count: number): Promise<Round[]> {
  const rounds: Round[] = [];
  try {
    for (let i = 0; i <= count; i++) rounds.push(await measure.round());
  } catch (error) {
    // Only the first error matters.
    await measure.close().catch(() => {});
    throw error;
  }
  await measure.close();
  return rounds.slice(1);
}
