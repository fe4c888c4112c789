import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { endure } from "./endurance/endurance.ts";
import { keepResult, LONG_FORM, originNow } from "./results.ts";
import { LONG, planOf } from "./run/plan.ts";
import { reportOf, resultOf } from "./run/report.ts";
import { type Round, runRound } from "./run/round.ts";

/** Failures of real processes: `npm run test:chaos`. */

const HELP = `Usage: npm run test:chaos -- [--long] [options]

Without --long, runs the test files of test/chaos and test/load; other arguments go to vitest.

  --long              the long run under random failures (about 20 minutes): the service in its own process, a Redis of
                      its own, publishers and listeners on real sockets. Each failure alone, then all mixed; at the
                      end of each round, publishers' answers, listeners' logs and histories are compared. Without --only,
                      5,000 listeners of products over 16 shards follow
  --storm             reconnect storms: 5,000 listeners dropped at once, and 1,000 pages that reconnect without jitter while
                      the login service is stopped
  --fuzz              more than a million inputs that are almost right, at every entrance
  --endurance         one hour with 2,000 listeners and 200 events a second: memory, descriptors, storage and latency must
                      not grow. Run it again to go on after an interruption
  --minutes NUMBER    another duration
  --seed NUMBER       repeats a run with the same rounds and failures
  --only A,B          rounds of the failures whose name contains A or B
  --seconds NUMBER    how long each of these rounds lasts
  --help              print this text

Results are printed, and those of whole runs written to test/chaos/results. Exit code 1: a check failed.`;

const STORMS = ["test/sdk/storm.test.ts", "test/chaos/products-storm.test.ts", "test/chaos/login-outage.test.ts"];
const MANY_LISTENERS = { [LONG_FORM]: "1", STORM_LISTENERS: "5000", STORM_PAGES: "1000" };
const MANY_INPUTS = { [LONG_FORM]: "1", FUZZ_INPUTS: "1000000", FUZZ_CALLS: "60000", FUZZ_SOCKETS: "4000" };
const SHARDS = ["test/chaos/shards.test.ts", "-t", "over 16 shards"];

const { values } = parseArgs({
  strict: false,
  options: {
    long: { type: "boolean", default: false },
    storm: { type: "boolean", default: false },
    fuzz: { type: "boolean", default: false },
    endurance: { type: "boolean", default: false },
    minutes: { type: "string", default: "60" },
    seed: { type: "string" },
    only: { type: "string" },
    seconds: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
// Exiting ends the child processes; a signal alone would leave them running.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
if (values.help) console.log(HELP);
else if (values.long) {
  const isGood = await runLong();
  const areShardsGood = values.only !== undefined || vitest(SHARDS, { SHARD_LISTENERS: "5000" }) === 0;
  process.exitCode = isGood && areShardsGood ? 0 : 1;
} else if (values.endurance) {
  const load = { minutes: Number(values.minutes), sockets: 2000, eventsPerSecond: 200 };
  process.exitCode = (await endure(load)) ? 0 : 1;
} else if (values.storm) {
  keepResult("storm", originNow());
  process.exitCode = vitest(["--no-file-parallelism", ...STORMS], MANY_LISTENERS);
} else if (values.fuzz) {
  keepResult("fuzz", originNow());
  const seed = typeof values.seed === "string" ? { FUZZ_SEED: values.seed } : {};
  process.exitCode = vitest(["test/chaos/fuzz.test.ts"], { ...MANY_INPUTS, ...seed });
} else process.exitCode = vitest(["--project", "load", ...process.argv.slice(2)]);

/** @returns The exit code of the test files. */
function vitest(args: string[], env: Record<string, string> = {}): number {
  const options = { stdio: "inherit", env: { ...process.env, ...env } } as const;
  return spawnSync("vitest", ["run", "--project", "chaos", ...args], options).status ?? 1;
}

/** @returns Whether every check passed. */
async function runLong(): Promise<boolean> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const only = typeof values.only === "string" ? values.only.split(",") : undefined;
  const length = values.seconds === undefined ? LONG : { ...LONG, alone: Number(values.seconds), kills: 0 };
  const start = Date.now();
  const origin = originNow();
  const { rounds, skipped } = await planOf(seed, length, only);
  console.log(`seed ${seed}: ${rounds.length} rounds`);
  const done: Round[] = [];
  for (const options of rounds) {
    const round = await runRound(options);
    done.push(round);
    const { violations, checks } = round.verdict;
    console.log(`${round.name}: ${round.seconds} s, ${checks} checks, ${violations.length} violations`);
  }
  const seconds = Math.round((Date.now() - start) / 1000);
  const result = resultOf({ seed, origin, seconds, rounds: done, skipped });
  console.log(reportOf(result));
  // A part of the rounds is no result that the manual could cite.
  if (only === undefined) keepResult(`failures-${seed}`, result);
  return result.violations.length === 0;
}
