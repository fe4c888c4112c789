import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silence } from "../support/leak-guard/console.ts";
import { inALine, tryRandomShards } from "../support/shards/random-shards.ts";
import { SEEDED_SHARD_BUGS } from "../support/shards/seeded-shard-bugs.ts";
import { ShardFaults } from "../support/shards/shard-faults.ts";

/** The property of `test/spec/shards.property.test.ts` for longer, and the proof that it finds bugs. */

const TIME_LIMIT_MS = 30_000;
const MAX_SEQUENCES_FOR_A_BUG = 400;
const faults = new ShardFaults();

beforeEach(() => {
  // Killed objects fail, and say so.
  silence();
});
afterEach(() => {
  vi.restoreAllMocks();
});

test("[promise 2] [promise 3] over 0, 1, 4 and a changing number of shards, each listener receives its events once, for a while", async () => {
  const verdict = await tryRandomShards(faults, { timeLimitMs: TIME_LIMIT_MS });
  expect(verdict.failure).toBeNull();
  console.log(inALine(verdict));
  // A property that never meets its cases proves nothing.
  expect(Math.min(...Object.values(verdict.occurred))).toBeGreaterThan(2);
});

describe("a seeded bug is found:", () => {
  test.each(Object.entries(SEEDED_SHARD_BUGS))("%s", async (_, seed) => {
    seed();
    const verdict = await tryRandomShards(faults, { sequences: MAX_SEQUENCES_FOR_A_BUG });
    expect(verdict.failure).not.toBeNull();
    console.log(`found after ${verdict.sequences} sequences (seed ${verdict.seed})`);
  });
});
