import fc from "fast-check";
import { shiftClock } from "../clock.ts";
import type { ShardFaults } from "./shard-faults.ts";
import { shardStep } from "./shard-steps.ts";
import { type Occurrences, ShardWorld } from "./shard-world.ts";

/** What a run of random steps has shown. */
export interface ShardVerdict {
  /** Why a sequence failed, with its seed; null when none did. */
  failure: string | null;
  sequences: number;
  seed: number;
  occurred: Partial<Occurrences>;
}

const start = fc.constantFrom(0, 1, 4);
const steps = fc.array(shardStep, { minLength: 4, maxLength: 12, size: "max" });

/**
 * Runs random sequences of steps on the products channel and its shards, until one fails.
 * @param limits How many sequences at most, and for how long.
 */
export async function tryRandomShards(
  faults: ShardFaults,
  { sequences = Number.MAX_SAFE_INTEGER, timeLimitMs = 3_600_000 }: { sequences?: number; timeLimitMs?: number },
): Promise<ShardVerdict> {
  const occurred: Partial<Occurrences> = {};
  const advanceClock = shiftClock();
  const property = fc.asyncProperty(start, steps, async (shards, steps) => {
    const world = new ShardWorld(faults, advanceClock, occurred);
    await world.open(shards);
    for (const step of steps) await world.run(step);
    await world.settle();
  });
  const details = await fc.check(property, {
    numRuns: sequences,
    endOnFailure: true,
    interruptAfterTimeLimit: timeLimitMs,
  });
  const failure =
    details.failed && details.counterexample ? `${fc.defaultReportMessage(details)}\n${details.errorInstance}` : null;
  return { failure, sequences: details.numRuns, seed: details.seed, occurred };
}

/** Describes a verdict in a line for the test's output. */
export const inALine = ({ sequences, seed, occurred }: ShardVerdict): string =>
  `${sequences} random sequences (seed ${seed}): ${JSON.stringify(occurred)}`;
