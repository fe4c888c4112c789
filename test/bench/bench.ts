import { parseArgs } from "node:util";
import { type Measure, measureConnections, measureFanOut, measureLatency, median, type Round } from "./measures.ts";
import { startBareTarget, startTidingsTarget, type Target } from "./targets.ts";

/** Speed, side by side with an object that does nothing but send: `npm run bench`. */

const HELP = `Usage: npm run bench -- [--quick] [--json] [--only NAME]

Runs the service and a bare Durable Object on the same runtime on this machine, lets them take turns, and compares
them with the budgets. A ratio is the median of the ratios of neighbouring rounds. Timing is a matter of the machine,
so a missed budget is printed and is no failure; a frame that is lost or comes twice is one (exit code 1).

The service stores what it sends and waits for the disk; the bare object stores nothing. So the latency is compared
with a bare object that stores one row as well. The storage is in TMPDIR: on a file system in memory (Linux:
TMPDIR=/dev/shm) the figures leave this machine's disk out.

  --quick       fewer and shorter rounds: for a look, not for a figure
  --json        the result as JSON on standard output
  --only NAME   one measure: fan-out, connections or latency
  --help        this text`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const { quick } = options;

interface Benchmark {
  name: string;
  title: string;
  unit: string;
  /** The bound for tidings ÷ bare, from below where more is better, else from above. */
  budget: { atLeast: number } | { atMost: number };
  rounds: number;
  /** Whether it is compared with a bare object that stores one row, too. */
  stores?: true;
  prepare(target: Target): Promise<Measure>;
}

const BENCHMARKS: Benchmark[] = [
  {
    name: "fan-out",
    title: "fan-out, one frame a message, 1,000 sockets",
    unit: "frames/s",
    budget: { atLeast: 0.95 },
    rounds: quick ? 3 : 9,
    prepare: (target) => measureFanOut(target, { sockets: 1000, frames: quick ? 20 : 50 }),
  },
  {
    name: "connections",
    title: "connections with full checks, 32 at a time",
    unit: "connections/s",
    budget: { atLeast: 0.8 },
    rounds: quick ? 3 : 9,
    prepare: (target) => measureConnections(target, { connections: quick ? 300 : 1000 }),
  },
  {
    name: "latency",
    title: "publish → frame, one listener, p50",
    unit: "ms",
    budget: { atMost: 1.25 },
    rounds: quick ? 5 : 15,
    stores: true,
    prepare: (target) => measureLatency(target, { samples: quick ? 40 : 50 }),
  },
];

interface Result extends Pick<Benchmark, "name" | "title" | "unit" | "budget"> {
  bare: Summary;
  tidings: Summary;
  ratio: number;
  meets: boolean;
  /** The bare object that stores one row, and tidings compared with it. */
  storing: (Summary & { ratio: number }) | null;
}

interface Targets {
  bare: Target;
  storing: Target;
  tidings: Target;
}

interface Summary {
  median: number;
  rounds: number[];
  serverMicros: number | null;
  clientBusy: number;
}

async function run(benchmark: Benchmark, targets: Targets): Promise<Result> {
  const { name, title, unit, budget } = benchmark;
  const bare = await benchmark.prepare(targets.bare);
  const storing = benchmark.stores ? await benchmark.prepare(targets.storing) : null;
  const tidings = await benchmark.prepare(targets.tidings);
  const rounds: { bare: Round; storing: Round | null; tidings: Round }[] = [];
  // The first round of each warms up what compiles itself while it runs; it does not count.
  for (let i = 0; i <= benchmark.rounds; i++) {
    const round = {
      bare: await bare.round(),
      storing: (await storing?.round()) ?? null,
      tidings: await tidings.round(),
    };
    console.error(
      `${name} ${i === 0 ? "warm-up" : `${i}/${benchmark.rounds}`}:`,
      `bare ${format(round.bare.value)}, tidings ${format(round.tidings.value)} ${unit}`,
    );
    if (i > 0) rounds.push(round);
  }
  for (const measure of [bare, storing, tidings]) await measure?.close();
  const ratio = median(rounds.map((round) => round.tidings.value / round.bare.value));
  const stored = rounds.flatMap(({ storing, tidings }) => (storing ? [{ storing, tidings }] : []));
  return {
    ...{ name, title, unit, budget },
    bare: summarize(rounds.map((round) => round.bare)),
    tidings: summarize(rounds.map((round) => round.tidings)),
    ratio,
    meets: "atLeast" in budget ? ratio >= budget.atLeast : ratio <= budget.atMost,
    storing:
      stored.length === 0
        ? null
        : {
            ...summarize(stored.map((round) => round.storing)),
            ratio: median(stored.map((round) => round.tidings.value / round.storing.value)),
          },
  };
}

function summarize(rounds: Round[]): Summary {
  const values = rounds.map(({ value }) => value);
  const micros = rounds.flatMap(({ serverMicros }) => serverMicros ?? []);
  return {
    median: median(values),
    rounds: values,
    // The system counts coarsely, so the mean says more than the median.
    serverMicros: micros.length > 0 ? micros.reduce((sum, value) => sum + value, 0) / micros.length : null,
    clientBusy: median(rounds.map(({ clientBusy }) => clientBusy)),
  };
}

function format(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value >= 100 ? 0 : 2 });
}

function report({ title, unit, budget, bare, storing, tidings, ratio, meets }: Result): string {
  const bound = "atLeast" in budget ? `≥ ${budget.atLeast}` : `≤ ${budget.atMost}`;
  const line = (name: string, { median, serverMicros, clientBusy }: Summary) =>
    `  ${name.padEnd(14)} ${format(median).padStart(9)} ${unit}` +
    `${serverMicros === null ? "" : `, server ${format(serverMicros)} µs each`}, client busy ${Math.round(clientBusy * 100)} %`;
  return [
    title,
    line("bare", bare),
    ...(storing ? [line("bare, one row", storing)] : []),
    line("tidings", tidings),
    `  ratio          ${ratio.toFixed(2).padStart(9)} ${meets ? "meets" : "misses"} the budget of ${bound}`,
    ...(storing ? [`  to one row     ${storing.ratio.toFixed(2).padStart(9)}`] : []),
  ].join("\n");
}

async function main(): Promise<void> {
  const chosen = BENCHMARKS.filter(({ name }) => options.only === undefined || name === options.only);
  if (chosen.length === 0) throw new Error(`--only takes one of ${BENCHMARKS.map(({ name }) => name).join(", ")}`);
  const started: Target[] = [];
  const start = async (starting: Promise<Target>) => {
    const target = await starting;
    started.push(target);
    return target;
  };
  try {
    const targets: Targets = {
      bare: await start(startBareTarget(false)),
      storing: await start(startBareTarget(true)),
      tidings: await start(startTidingsTarget()),
    };
    const results: Result[] = [];
    for (const benchmark of chosen) results.push(await run(benchmark, targets));
    console.log(options.json ? JSON.stringify({ quick, results }, null, 2) : results.map(report).join("\n"));
  } finally {
    for (const { worker } of started) await worker.stop();
  }
}

if (options.help) console.log(HELP);
else {
  // An exit ends what was started; a signal alone would leave it running.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
