import type { Machine } from "./machine.ts";
import type { Budget, Summary } from "./statistics.ts";

/** What a run finds, as it is written to `test/bench/results`. */

export interface Figure extends Summary {
  title: string;
}

export interface ComparisonResult {
  name: string;
  title: string;
  unit: string;
  subject: Figure;
  /** The ratio is the service's median ÷ the peer's. */
  peers: (Figure & { ratio: number; budget: Budget | null; isMet: boolean | null })[];
}

export interface Point extends Summary {
  x: number;
}

export interface CurveResult {
  name: string;
  title: string;
  unit: string;
  xTitle: string;
  series: { title: string; points: Point[] }[];
}

export interface Results {
  /** ISO 8601, UTC. */
  date: string;
  /** See `describeCommit`. */
  commit: string | null;
  machine: Machine;
  versions: Record<string, string>;
  comparisons: ComparisonResult[];
  curves: CurveResult[];
  /** Measurements without a result, with the reason. */
  failures: { name: string; reason: string }[];
}
