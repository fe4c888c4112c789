import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What the service promises, and the tests that prove it: a test names its promise as `[promise 4]`. */

/** Each promise by its number, as in the manual. */
export const PROMISES: Record<number, { title: string; meaning: string }> = {
  1: { title: "Acknowledged is durable", meaning: "After a 200, killing the process loses nothing." },
  2: {
    title: "One order per channel",
    meaning: "Every listener sees the same events in `seq` order, with no gap while connected.",
  },
  3: {
    title: "Reconnect with your position",
    meaning: "Every missed event, once; or `resumed: false`. Never a silent gap.",
  },
  4: {
    title: "The same `id` is applied once",
    meaning: "Whichever way it came in, and also after a gap, a failover or a new epoch.",
  },
  5: {
    title: "Failures are isolated",
    meaning: "One failing channel, listener, shard or stream entry stops nothing else.",
  },
  6: {
    title: "Idle costs nothing",
    meaning: "A channel without work hibernates with its sockets open, and no timer keeps it awake.",
  },
  7: { title: "A stranger leaves no trace", meaning: "A refused connection writes no storage." },
  8: {
    title: "State never goes backwards unnoticed",
    meaning: "A late event with a version changes nothing.",
  },
};

export interface Proof {
  promise: number;
  /** The test file, from the top of the project. */
  file: string;
}

const TEST_OR_GROUP = /\b(?:test|describe)[.\w]*(?:\([^()]*(?:\([^()]*\))?[^()]*\))?\(\s*(["'`])((?:\\.|(?!\1).)*)\1/gs;

/** @returns One proof for each promise in the name of each test or group of a test file. */
export function proofsIn(file: string, source: string): Proof[] {
  return [...source.matchAll(TEST_OR_GROUP)].flatMap(([, , name = ""]) =>
    [...name.matchAll(/\[promise (\d+)\]/g)].map(([, number]) => ({ promise: Number(number), file })),
  );
}

/** @returns The proofs in all test files. */
export function allProofs(): Proof[] {
  const root = join(import.meta.dirname, "../..");
  // The test of this collection has made-up names in it.
  return globSync("test/**/*.test.ts", { cwd: root, exclude: ["test/unit/promises.test.ts"] })
    .sort()
    .flatMap((file) => proofsIn(file, readFileSync(join(root, file), "utf8")));
}
