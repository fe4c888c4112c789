import { parseArgs } from "node:util";
import {
  type Measure,
  measureBurst,
  measureConnections,
  measureFanOut,
  measureLatency,
  median,
  type Round,
} from "./measures.ts";
import { TARGETS, type Target, type TargetName } from "./targets.ts";

/** Measures speed side by side with peers: `npm run bench`. */

const HELP = `Usage: npm run bench -- [--quick] [--json] [--only NAME]

Runs the service and its peers on this machine in turns, and compares them with the budgets. Each ratio is the median
of the ratios of neighbouring rounds. Because timing depends on the machine, a missed budget is printed and is not a
failure; a frame that is lost or delivered twice is (exit code 1).

The peers are a bare Durable Object on the same runtime that only sends; the same object storing one row per event,
because the service stores every event and waits for the disk; and a Node server with the ws package behind Redis
pub/sub, which stores and checks nothing. Storage is in TMPDIR: a file system in memory (Linux: TMPDIR=/dev/shm)
excludes the disk from the figures.

  --quick       fewer and shorter rounds, for a rough idea
  --json        print the result as JSON on standard output
  --only NAME   one measurement: fan-out, burst, connections or latency
  --help        print this text`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const { quick } = options;

/** A bound for tidings ÷ peer. */
type Budget = { atLeast: number } | { atMost: number };

interface Benchmark {
  name: string;
  title: string;
  unit: string;
  /** The peers to compare with; null where there is no budget. */
  peers: Partial<Record<TargetName, Budget | null>>;
  rounds: number;
  prepare(target: Target): Promise<Measure>;
}

const BENCHMARKS: Benchmark[] = [
  {
    name: "fan-out",
    title: "fan-out, one frame per message, 1,000 sockets",
    unit: "deliveries/s",
    peers: { bare: { atLeast: 0.95 }, node: null },
    rounds: quick ? 3 : 9,
    prepare: (target) => measureFanOut(target, { sockets: 1000, events: quick ? 20 : 50 }),
  },
  {
    name: "burst",
    title: "fan-out in a burst, 1,000 sockets (tidings: batches, `tidings.v1`)",
    unit: "deliveries/s",
    peers: { bare: { atLeast: 10 }, node: { atLeast: 4 } },
    rounds: quick ? 3 : 5,
    prepare: (target) => measureBurst(target, { sockets: 1000, events: quick ? 50 : 250 }),
  },
  {
    name: "connections",
    title: "connections with full checks, 32 at a time",
    unit: "connections/s",
    peers: { bare: { atLeast: 0.8 } },
    rounds: quick ? 3 : 9,
    prepare: (target) => measureConnections(target, { connections: quick ? 300 : 1000 }),
  },
  {
    name: "latency",
    title: "publish → frame, one listener, p50",
    unit: "ms",
    peers: { bare: { atMost: 1.25 }, storing: null, node: null },
    rounds: quick ? 5 : 15,
    prepare: (target) => measureLatency(target, { samples: quick ? 40 : 50 }),
  },
];

interface Result extends Pick<Benchmark, "name" | "title" | "unit"> {
  tidings: Summary;
  peers: (Summary & { peer: TargetName; ratio: number; budget: Budget | null; meets: boolean | null })[];
}

interface Summary {
  median: number;
  rounds: number[];
  serverMicros: number | null;
  clientBusy: number;
}

async function run(benchmark: Benchmark, targetOf: (name: TargetName) => Promise<Target | null>): Promise<Result> {
  const { name, title, unit } = benchmark;
  const measures: { name: TargetName; measure: Measure; rounds: Round[] }[] = [];
  // The object has the keys of its type, and no others.
  for (const name of [...Object.keys(benchmark.peers), "tidings"] as TargetName[]) {
    const target = await targetOf(name);
    if (target) measures.push({ name, measure: await benchmark.prepare(target), rounds: [] });
  }
  // The first round lets the JIT compiler warm up and does not count.
  for (let i = 0; i <= benchmark.rounds; i++) {
    const values: string[] = [];
    for (const { name, measure, rounds } of measures) {
      const round = await measure.round();
      values.push(`${name} ${format(round.value)}`);
      if (i > 0) rounds.push(round);
    }
    console.error(`${name} ${i === 0 ? "warm-up" : `${i}/${benchmark.rounds}`}: ${values.join(", ")} ${unit}`);
  }
  for (const { measure } of measures) await measure.close();
  const tidings = measures.pop()?.rounds ?? [];
  const peers = measures.map(({ name: peer, rounds }) => {
    const ratio = median(tidings.map(({ value }, i) => value / Number(rounds[i]?.value)));
    const budget = benchmark.peers[peer] ?? null;
    const meets = budget && ("atLeast" in budget ? ratio >= budget.atLeast : ratio <= budget.atMost);
    return { peer, ...summarize(rounds), ratio, budget, meets };
  });
  return { name, title, unit, tidings: summarize(tidings), peers };
}

function summarize(rounds: Round[]): Summary {
  const values = rounds.map(({ value }) => value);
  const micros = rounds.flatMap(({ serverMicros }) => serverMicros ?? []);
  return {
    median: median(values),
    rounds: values,
    // The mean, because the system measures in coarse steps.
    serverMicros: micros.length > 0 ? micros.reduce((sum, value) => sum + value, 0) / micros.length : null,
    clientBusy: median(rounds.map(({ clientBusy }) => clientBusy)),
  };
}

function format(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value >= 100 ? 0 : 2 });
}

function report({ title, unit, tidings, peers }: Result): string {
  const line = (name: TargetName, { median, serverMicros, clientBusy }: Summary) =>
    `  ${TARGETS[name].title.padEnd(14)} ${format(median).padStart(9)} ${unit}` +
    `${serverMicros === null ? "" : `, server ${format(serverMicros)} µs each`}, client busy ${Math.round(clientBusy * 100)} %`;
  const comparison = ({ peer, ratio, budget, meets }: Result["peers"][number]) => {
    const bound = budget && ("atLeast" in budget ? `≥ ${budget.atLeast}` : `≤ ${budget.atMost}`);
    const verdict = bound ? `, ${meets ? "meets" : "misses"} the budget of ${bound}` : "";
    return `  ratio to ${TARGETS[peer].title}: ${ratio.toFixed(2)}${verdict}`;
  };
  const lines = peers.map((peer) => line(peer.peer, peer));
  return [title, ...lines, line("tidings", tidings), ...peers.map(comparison)].join("\n");
}

async function main(): Promise<void> {
  const chosen = BENCHMARKS.filter(({ name }) => options.only === undefined || name === options.only);
  if (chosen.length === 0) throw new Error(`--only takes one of ${BENCHMARKS.map(({ name }) => name).join(", ")}`);
  const started = new Map<TargetName, Target | null>();
  const targetOf = async (name: TargetName) => {
    const known = started.get(name);
    if (known !== undefined) return known;
    const target = await TARGETS[name].start();
    started.set(name, target);
    return target;
  };
  try {
    const results: Result[] = [];
    for (const benchmark of chosen) results.push(await run(benchmark, targetOf));
    console.log(options.json ? JSON.stringify({ quick, results }, null, 2) : results.map(report).join("\n"));
  } finally {
    for (const target of started.values()) await target?.stop();
  }
}

if (options.help) console.log(HELP);
else {
  // Exiting ends the child processes; a signal alone would leave them running.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
