import { parseArgs } from "node:util";
import { type Benchmark, type Budget, benchmarks, type Contestant } from "./benchmarks.ts";
import { type Measure, median, type Round } from "./measures.ts";
import { TARGETS, type Target, type TargetName } from "./targets.ts";

/** Measures speed side by side with peers: `npm run bench`. */

const HELP = `Usage: npm run bench -- [--quick] [--json] [--only NAME]

Runs the service and its peers on this machine in turns, and compares their medians with the budgets. Exit code 1: a
budget was missed, or a frame was lost or delivered twice. Timing depends on the machine: run it on a quiet one, and
again before you believe a miss. "Load" is how busy the load generator was; near 100 % it limits the result.

The peers are a bare Durable Object on the same runtime that only sends; the same object storing one row per event,
because the service stores every event and waits for the disk; a Hono route that parses JSON and stores one row; and a
Node server with the ws package behind Redis pub/sub, which stores and checks nothing. Storage is in TMPDIR: a file
system in memory (Linux: TMPDIR=/dev/shm) excludes the disk from the figures. Log lines are written but not read.

  --quick       fewer and shorter rounds, for a rough idea
  --json        print the result as JSON on standard output
  --only NAME   one measurement: fan-out, burst, latency, publishes, connections, unwanted or stream
  --help        print this text`;

interface Summary {
  title: string;
  median: number;
  rounds: number[];
  /** Mean processor time of the server per operation, because the system measures in coarse steps. */
  serverMicros: number | null;
  loadGeneratorBusy: number;
}

interface Result extends Pick<Benchmark, "name" | "title" | "unit"> {
  subject: Summary;
  peers: (Summary & { ratio: number; budget: Budget | null; isMissed: boolean })[];
}

/** @returns Null when a program that the measured target needs is not installed. */
async function run(
  { name, title, unit, rounds, subject, peers }: Benchmark,
  targetOf: (name: TargetName) => Promise<Target | null>,
): Promise<Result | null> {
  const lanes: { contestant: Contestant; measure: Measure; rounds: Round[] }[] = [];
  for (const contestant of [...peers, subject]) {
    const target = await targetOf(contestant.target);
    if (target) lanes.push({ contestant, measure: await contestant.prepare(target), rounds: [] });
  }
  // The first round lets the JIT compiler warm up and does not count.
  for (let i = 0; i <= rounds; i++) {
    const values: string[] = [];
    for (const { contestant, measure, rounds } of lanes) {
      const round = await measure.round();
      values.push(`${contestant.title} ${format(round.value)}`);
      if (i > 0) rounds.push(round);
    }
    console.error(`${name} ${i === 0 ? "warm-up" : `${i}/${rounds}`}: ${values.join(", ")} ${unit}`);
  }
  for (const { measure } of lanes) await measure.close();

  const summaryOf = (contestant: Contestant) => {
    const lane = lanes.find((lane) => lane.contestant === contestant);
    return lane && summarize(contestant.title, lane.rounds);
  };
  const own = summaryOf(subject);
  if (!own) return null;
  const compared = peers.flatMap((peer) => {
    const summary = summaryOf(peer);
    if (!summary) return [];
    const ratio = own.median / summary.median;
    return [{ ...summary, ratio, budget: peer.budget, isMissed: misses(ratio, peer.budget) }];
  });
  return { name, title, unit, subject: own, peers: compared };
}

function misses(ratio: number, budget: Budget | null): boolean {
  if (!budget) return false;
  return "atLeast" in budget ? ratio < budget.atLeast : ratio > budget.atMost;
}

function summarize(title: string, rounds: Round[]): Summary {
  const values = rounds.map(({ value }) => value);
  const micros = rounds.flatMap(({ serverMicros }) => serverMicros ?? []);
  return {
    title,
    median: median(values),
    rounds: values,
    serverMicros: micros.length > 0 ? micros.reduce((sum, value) => sum + value, 0) / micros.length : null,
    loadGeneratorBusy: median(rounds.map(({ clientBusy }) => clientBusy)),
  };
}

const format = (value: number) => value.toLocaleString("en", { maximumFractionDigits: value >= 100 ? 0 : 2 });
const boundOf = (budget: Budget) => ("atLeast" in budget ? `≥ ${budget.atLeast}` : `≤ ${budget.atMost}`);

function report({ title, unit, subject, peers }: Result): string {
  const line = ({ title, median, serverMicros, loadGeneratorBusy }: Summary) =>
    `  ${title.padEnd(16)} ${format(median).padStart(9)} ${unit}` +
    `${serverMicros === null ? "" : `, server ${format(serverMicros)} µs each`}, load ${Math.round(loadGeneratorBusy * 100)} %`;
  const verdict = ({ title, ratio, budget, isMissed }: Result["peers"][number]) =>
    `  ratio to ${title}: ${ratio.toFixed(2)}${budget ? `, ${isMissed ? "MISSES" : "meets"} the budget of ${boundOf(budget)}` : ""}`;
  return [title, ...[...peers, subject].map(line), ...peers.map(verdict)].join("\n");
}

/** @returns Whether every budget was met. */
async function main(): Promise<boolean> {
  const { values: options } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      only: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const { quick, json, only, help } = options;
  if (help) {
    console.log(HELP);
    return true;
  }
  const all = benchmarks(quick);
  const chosen = all.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`--only takes one of ${all.map(({ name }) => name).join(", ")}`);
  const started = new Map<TargetName, Promise<Target | null>>();
  const targetOf = (name: TargetName) => {
    const target = started.get(name) ?? TARGETS[name].start();
    started.set(name, target);
    return target;
  };
  try {
    const results: Result[] = [];
    for (const benchmark of chosen) {
      const result = await run(benchmark, targetOf);
      if (result) results.push(result);
    }
    const misses = results.flatMap(({ peers }) => peers).filter(({ isMissed }) => isMissed).length;
    console.log(json ? JSON.stringify({ quick, misses, results }, null, 2) : results.map(report).join("\n"));
    console.error(misses === 0 ? "Every budget is met." : `Missed budgets: ${misses}.`);
    return misses === 0;
  } finally {
    for (const target of started.values()) await (await target)?.stop();
  }
}

// Exiting ends the child processes; a signal alone would leave them running.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
