import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { describeCommit, describeMachine } from "../bench/report/machine.ts";

/** What runs leave for the manual, in `results`. */

export const RESULTS = join(import.meta.dirname, "results");

/** When a run began, of which commit (see `describeCommit`), and where. */
export const origin = z.object({
  date: z.iso.date(),
  commit: z.string().nullish(),
  machine: z.object({
    cpu: z.string(),
    cores: z.int(),
    memoryGB: z.int(),
    system: z.string(),
    loadBefore: z.number(),
  }),
});
export const originNow = (): z.infer<typeof origin> => ({
  date: new Date().toISOString().slice(0, 10),
  commit: describeCommit(),
  machine: describeMachine(),
});

/** Figures of `--storm`. */
export const stormResult = origin.extend({
  orders: z.object({
    listeners: z.int(),
    attempts: z.int(),
    liveAfterMs: z.int(),
    caughtUpAfterMs: z.int(),
  }),
  products: z.array(
    z.object({
      strike: z.string(),
      listeners: z.int(),
      attempts: z.int(),
      liveAfterMs: z.int(),
      caughtUpAfterMs: z.int(),
      requestsAtRoot: z.int(),
      mostPerSecond: z.int(),
    }),
  ),
  login: z.object({ pages: z.int(), connections: z.int(), seconds: z.int(), fetches: z.int() }),
});
export type StormResult = z.infer<typeof stormResult>;

/** Figures of `--fuzz`. */
export const fuzzResult = origin.extend({
  seed: z.int(),
  inputs: z.int(),
  entrances: z.int(),
  calls: z.int(),
  sockets: z.int(),
  messages: z.int(),
  grownMB: z.int(),
});
export type FuzzResult = z.infer<typeof fuzzResult>;

/** Keeps what a test file measured, if it runs in the long form, which `chaos.ts` starts. */
export function keepIfLong(name: "storm", part: Partial<StormResult>): void;
export function keepIfLong(name: "fuzz", part: Partial<FuzzResult>): void;
export function keepIfLong(name: string, part: object): void {
  if (process.env[LONG_FORM]) keepResult(name, part);
}
export const LONG_FORM = "CHAOS_LONG_FORM";

/**
 * Writes properties of a result, each on a line of its own, and each item of a list; other properties that its file has
 * stay.
 */
export function keepResult(name: string, part: object): void {
  const file = join(RESULTS, `${name}.json`);
  const result = { ...(existsSync(file) && JSON.parse(readFileSync(file, "utf8"))), ...part };
  const lines = Object.entries(result).map(([key, value]) => `${JSON.stringify(key)}: ${textOf(value)}`);
  mkdirSync(RESULTS, { recursive: true });
  // A run that is interrupted meanwhile goes on from the former file.
  writeFileSync(`${file}.new`, `{\n${lines.join(",\n")}\n}\n`);
  renameSync(`${file}.new`, file);
}

const textOf = (value: unknown): string =>
  Array.isArray(value) && value.length > 0
    ? `[\n${value.map((one) => JSON.stringify(one)).join(",\n")}\n]`
    : JSON.stringify(value);
