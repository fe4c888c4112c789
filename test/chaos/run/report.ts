import * as z from "zod";
import { machineInWords } from "../../bench/report/table.ts";
import { origin } from "../results.ts";
import type { Round } from "./round.ts";

/** What a run did and found: counts of operations, faults and checks, without paths or names of machines. */

const counts = z.record(z.string(), z.int());

export const failuresResult = origin.extend({
  seed: z.int(),
  seconds: z.int(),
  /** How often each nemesis struck. */
  faults: counts,
  /** How publishers were answered, and how often they repeated a call. */
  publishers: counts,
  events: z.int(),
  frames: z.int(),
  connections: z.int(),
  checks: z.int(),
  /** Acknowledged events that a declared gap covers. */
  coveredByGaps: z.int(),
  violations: z.array(z.string()),
  /** Nemeses that could not strike, with the reason. */
  skipped: z.array(z.string()),
  rounds: z.array(
    z.object({
      name: z.string(),
      seed: z.int(),
      seconds: z.int(),
      faults: z.int(),
      events: z.int(),
      frames: z.int(),
      connections: z.int(),
      checks: z.int(),
      violations: z.int(),
    }),
  ),
});
export type FailuresResult = z.infer<typeof failuresResult>;

export interface Run {
  seed: number;
  origin: z.infer<typeof origin>;
  seconds: number;
  rounds: Round[];
  skipped: string[];
}

export function resultOf({ seed, origin, seconds, rounds: done, skipped }: Run): FailuresResult {
  const rounds = done.map(({ name, seed, seconds, strikes, events, frames, connections, verdict }) => {
    const faults = sum(Object.values(strikes));
    const { checks, violations } = verdict;
    return { name, seed, seconds, faults, events, frames, connections, checks, violations: violations.length };
  });
  return {
    ...origin,
    seed,
    seconds,
    faults: addUp(done.map(({ strikes }) => strikes)),
    publishers: addUp(done.map((round) => round.counts)),
    events: sum(done.map(({ events }) => events)),
    frames: sum(done.map(({ frames }) => frames)),
    connections: sum(done.map(({ connections }) => connections)),
    checks: sum(done.map(({ verdict }) => verdict.checks)),
    coveredByGaps: sum(done.map(({ verdict }) => verdict.coveredByGaps)),
    violations: done.flatMap(({ name, verdict }) =>
      verdict.violations.map(({ kind, detail }) => `${name}: ${kind}: ${detail}`),
    ),
    skipped,
    rounds,
  };
}

const COLUMNS = [
  "name",
  "seed",
  "seconds",
  "faults",
  "events",
  "frames",
  "connections",
  "checks",
  "violations",
] as const;
const SHOWN_VIOLATIONS = 50;

export function reportOf(result: FailuresResult): string {
  const { rounds, violations } = result;
  return [
    `seed ${result.seed}, ${rounds.length} rounds, ${result.seconds} s`,
    "",
    COLUMNS.join(" | "),
    COLUMNS.map(() => "---").join(" | "),
    ...rounds.map((round) => COLUMNS.map((column) => round[column]).join(" | ")),
    "",
    `faults: ${list(result.faults)}`,
    `publishers: ${list(result.publishers)}`,
    `events published: ${result.events}, frames received: ${result.frames}, connections: ${result.connections}`,
    `checks: ${result.checks}, events covered by declared gaps: ${result.coveredByGaps}`,
    `violations: ${violations.length}`,
    ...violations.slice(0, SHOWN_VIOLATIONS).map((one) => `  ${one}`),
    ...result.skipped.map((reason) => `skipped: ${reason}`),
    `machine: ${machineInWords(result.machine)}`,
    "",
  ].join("\n");
}

const sum = (numbers: number[]): number => numbers.reduce((total, one) => total + one, 0);

function addUp(counts: Record<string, number>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((one) => Object.entries(one))) total[name] = (total[name] ?? 0) + count;
  return total;
}

const list = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";
