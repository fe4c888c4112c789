import { describeMachine } from "../../bench/report/machine.ts";
import type { Round } from "./round.ts";

/** What a run did and found, in words: counts of operations, faults and checks, without paths or names of machines. */

export interface Run {
  seed: number;
  rounds: Round[];
  skipped: string[];
  seconds: number;
}

const SHOWN_VIOLATIONS = 20;

export function violationsOf({ rounds }: Run): number {
  return rounds.reduce((sum, { verdict }) => sum + verdict.violations.length, 0);
}

export function reportOf(run: Run): string {
  const { rounds, seed, seconds, skipped } = run;
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const strikes = addUp(rounds.map((round) => round.strikes));
  const lines = [
    `seed ${seed}, ${rounds.length} rounds, ${seconds} s`,
    "",
    "round | seed | seconds | faults | events | frames | connections | checks | violations",
    "--- | --- | --- | --- | --- | --- | --- | --- | ---",
    ...rounds.map((round) => {
      const faults = Object.values(round.strikes).reduce((total, count) => total + count, 0);
      const { checks, violations } = round.verdict;
      const { name, seed, seconds, events, frames, connects } = round;
      return [name, seed, seconds, faults, events, frames, connects, checks, violations.length].join(" | ");
    }),
    "",
    `faults: ${list(strikes)}`,
    `publishers: ${list(addUp(rounds.map(({ counts }) => counts)))}`,
    `events published: ${sum(({ events }) => events)}, frames received: ${sum(({ frames }) => frames)}, ` +
      `connections: ${sum(({ connects }) => connects)}`,
    `checks: ${sum(({ verdict }) => verdict.checks)}, ` +
      `events covered by declared gaps: ${sum(({ verdict }) => verdict.coveredByGaps)}`,
    `violations: ${violationsOf(run)}`,
    ...rounds.flatMap(({ name, verdict }) => {
      const shown = verdict.violations
        .slice(0, SHOWN_VIOLATIONS)
        .map(({ kind, detail }) => `  ${name}: ${kind}: ${detail}`);
      const rest = verdict.violations.length - shown.length;
      return rest > 0 ? [...shown, `  ${name}: and ${rest} more`] : shown;
    }),
    ...skipped.map((reason) => `skipped: ${reason}`),
    `machine: ${Object.values(describeMachine()).join(", ")}`,
  ];
  return `${lines.join("\n")}\n`;
}

function addUp(counts: Record<string, number>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((one) => Object.entries(one))) total[name] = (total[name] ?? 0) + count;
  return total;
}

const list = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";
