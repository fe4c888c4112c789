import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { leakIn } from "./log-guard.ts";
import "./known-payloads.ts";

/**
 * Judges a file that has all that a run printed: `node test/support/judge-output.ts <file>`. Says which lines hold what
 * they must not hold, without showing them once more, and then ends with 1; with 2 when there is nothing to judge.
 */

const [file = ""] = process.argv.slice(2);
let count = 0;
let leaks = 0;
for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
  count++;
  const leak = leakIn(line);
  if (leak === null) continue;
  leaks++;
  console.error(`line ${count} has ${leak}`);
}
if (count === 0) console.error("nothing was printed");
process.exitCode = count === 0 ? 2 : Math.min(leaks, 1);
