import { afterEach, expect, test, vi } from "vitest";
import { silence } from "../support/leak-guard/console.ts";
import { inALine, tryRandomShards } from "../support/shards/random-shards.ts";
import { ShardFaults } from "../support/shards/shard-faults.ts";

/**
 * Random sequences of publishes, connections, failures and changes of the number of shards: each listener receives what
 * its filter lets through, once and in order, or learns of a gap. Longer, and with seeded bugs, in `test/load`.
 */

const SEQUENCES = 25;
const faults = new ShardFaults();

afterEach(() => {
  vi.restoreAllMocks();
});

test("[promise 2] [promise 3] over 0, 1, 4 and a changing number of shards, each listener receives its events once", async () => {
  // Killed objects fail, and say so.
  silence();
  const verdict = await tryRandomShards(faults, { sequences: SEQUENCES });
  expect(verdict.failure).toBeNull();
  console.log(inALine(verdict));
});
