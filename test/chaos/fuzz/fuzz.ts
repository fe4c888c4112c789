import fc from "fast-check";
import { CORPUS } from "./corpus.ts";
import { ENTRANCES, type Entrance } from "./entrances.ts";

/** How many inputs an entrance gets, of so many in all: those that verify signatures are slow. */
const SLOW = new Set(["a token", "a key set"]);
const SLOW_SHARE = 0.02;

export interface Fuzzed {
  name: string;
  inputs: number;
  /** The smallest input that fails, and why; null when none does. */
  failure: string | null;
}

/** Feeds every entrance within this process. @param inputs For all entrances together. */
export async function fuzzInProcess(inputs: number, seed: number): Promise<Fuzzed[]> {
  const fast = ENTRANCES.length - SLOW.size;
  const results: Fuzzed[] = [];
  for (const entrance of ENTRANCES) {
    const isSlow = SLOW.has(entrance.name);
    const share = isSlow ? SLOW_SHARE : (1 - SLOW_SHARE * SLOW.size) / fast;
    results.push(await fuzzEntrance(entrance, Math.ceil(inputs * share), seed));
  }
  return results;
}

/** Feeds one entrance: first the inputs that once failed, then new ones. */
export async function fuzzEntrance({ name, input, read }: Entrance, inputs: number, seed: number): Promise<Fuzzed> {
  const examples = (CORPUS[name] ?? []).map((one): [unknown] => [one]);
  const property = fc.asyncProperty(input, async (one) => {
    const reading = read(one);
    if (reading) await reading;
  });
  const details = await fc.check(property, { numRuns: inputs + examples.length, seed, examples });
  if (!details.failed) return { name, inputs: details.numRuns, failure: null };
  const text = `${JSON.stringify(details.counterexample)?.slice(0, 2000)}: ${String(details.errorInstance)}`;
  return { name, inputs: details.numRuns, failure: text };
}
