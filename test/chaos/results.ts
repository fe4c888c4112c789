import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What runs leave for the manual, in `results`. */

export const RESULTS = join(import.meta.dirname, "results");

/** Writes a result: each property on a line of its own, and each item of a list. */
export function keepResult(name: string, result: object): void {
  const lines = Object.entries(result).map(([key, value]) => `${JSON.stringify(key)}: ${textOf(value)}`);
  const file = join(RESULTS, `${name}.json`);
  mkdirSync(RESULTS, { recursive: true });
  // A run that is interrupted meanwhile goes on from the former file.
  writeFileSync(`${file}.new`, `{\n${lines.join(",\n")}\n}\n`);
  renameSync(`${file}.new`, file);
}

const textOf = (value: unknown): string =>
  Array.isArray(value) && value.length > 0
    ? `[\n${value.map((one) => JSON.stringify(one)).join(",\n")}\n]`
    : JSON.stringify(value);
