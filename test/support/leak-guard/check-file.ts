import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { leakIn, rememberExamples } from "./rules.ts";

/**
 * Checks a saved output: `node test/support/leak-guard/check-file.ts <file>`. Reports the numbers of leaking lines
 * without repeating their text. Exit codes: 0 clean, 1 leaks, 2 the file is empty.
 */

const [file = ""] = process.argv.slice(2);
rememberExamples();
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
