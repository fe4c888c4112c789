import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { comparisons } from "./comparisons.ts";
import { curves } from "./curves.ts";
import { growthChart } from "./report/chart.ts";
import { describeCommit, describeMachine, describeVersions } from "./report/machine.ts";
import { GROWTH, RESULTS } from "./report/manual.ts";
import type { Results } from "./report/results.ts";
import { inWords } from "./report/table.ts";
import { runComparison, runCurve } from "./run.ts";
import { TargetPool } from "./targets/targets.ts";

/** Measures speed side by side with peers: `npm run bench`. */

const HELP = `Usage: npm run bench -- [--quick] [--json] [--only NAME]

Runs the service and its peers on this machine in turns, compares their medians with the budgets, and draws how figures
grow. Exit code 1: a budget was missed, or a frame was lost or delivered twice. Timing depends on the machine: run it on
a quiet one, and again before you believe a miss. "Client load" is how busy the load generator was; above 80 % it may be
what limits the figure. A complete run takes about ten minutes and writes test/bench/results.

The peers are a bare Durable Object on the same runtime that only sends; the same object storing one row per event,
because the service stores every event and waits for the disk; partyserver with hibernation; a Hono route that parses
JSON and stores one row; a Node server with the ws package behind Redis pub/sub; and Socket.IO with its Redis Streams
adapter and connection state recovery, which stores every event. No peer checks anything. Storage is in TMPDIR: a file
system in memory (Linux: TMPDIR=/dev/shm) excludes the disk from the figures. Log lines are written but not read.

  --quick       fewer and shorter rounds, for a rough idea
  --json        print the result as JSON on standard output
  --only NAME   one measurement: NAMES
  --help        print this text`;

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
  const pool = new TargetPool();
  const all = [
    ...comparisons(pool, quick).map((comparison) => ({
      name: comparison.name,
      run: async () => {
        const result = await runComparison(comparison);
        if (result) results.comparisons.push(result);
      },
    })),
    ...curves(pool, quick).map((curve) => ({
      name: curve.name,
      run: async () => {
        results.curves.push(await runCurve(curve));
      },
    })),
  ];
  const names = all.map(({ name }) => name).join(", ");
  if (help) {
    console.log(HELP.replace("NAMES", names));
    return true;
  }
  const chosen = all.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`--only takes one of ${names}`);
  const results: Results = {
    date: new Date().toISOString(),
    commit: describeCommit(),
    machine: describeMachine(),
    versions: describeVersions(),
    comparisons: [],
    curves: [],
    failures: [],
  };
  try {
    for (const { name, run } of chosen) {
      try {
        await run();
      } catch (error) {
        // The other measurements are worth having.
        const reason = error instanceof Error ? error.message : String(error);
        console.error(`${name} failed: ${reason}`);
        results.failures.push({ name, reason });
        await pool.stop();
      }
    }
  } finally {
    await pool.stop();
  }
  console.log(json ? asJson(results) : inWords(results));
  if (!quick && only === undefined) {
    writeFileSync(RESULTS, `${asJson(results)}\n`);
    writeFileSync(GROWTH, growthChart(results));
    console.error("Wrote test/bench/results; `npm run docs` puts the figures into the manual.");
  }
  const verdicts = results.comparisons.flatMap(({ peers }) => peers).flatMap(({ isMet }) => isMet ?? []);
  const misses = verdicts.filter((isMet) => !isMet).length;
  if (verdicts.length > 0) console.error(misses === 0 ? "Every budget is met." : `Missed budgets: ${misses}.`);
  return misses === 0 && results.failures.length === 0;
}

/** Five digits are more than any figure is worth. */
function asJson(results: Results): string {
  const shorten = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value);
  return JSON.stringify(results, shorten, 2);
}

// Exiting ends the child processes; a signal alone would leave them running.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
