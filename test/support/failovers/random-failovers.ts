import fc from "fast-check";
import { startFaultyRedisService } from "../redis-service.ts";
import { FallibleStream } from "./fallible-stream.ts";
import { newOccurrences, type Occurrences, StreamWorld, streamStep } from "./stream-world.ts";

export interface Verdict {
  /** Why a sequence failed; null when none did. */
  failure: string | null;
  sequences: number;
  occurred: Occurrences;
}

/**
 * Runs random sequences of publishes by both ways, failovers, losses, erasures, reconnections and restarts with the real
 * processes, until one fails or the time is over. Short in `npm test`, long in `test:chaos`.
 * @param bug One of those in `workers/seeded-bugs.ts`.
 */
export async function tryRandomFailovers(timeLimitMs: number, bug?: string): Promise<Verdict> {
  const { service, redis, proxy, stop } = await startFaultyRedisService(
    bug === undefined ? {} : { vars: { SEEDED_BUG: bug }, entry: "test/support/workers/seeded-bugs.ts" },
  );
  const stream = await FallibleStream.connect(redis.url);
  const occurred = newOccurrences();
  const steps = fc.array(streamStep, { minLength: 8, maxLength: 24, size: "max" });
  const property = fc.asyncProperty(steps, async (steps) => {
    const world = new StreamWorld(service, proxy, stream, occurred);
    await world.open();
    try {
      for (const step of steps) await world.run(step);
      await world.settle();
    } finally {
      world.close();
    }
  });
  const details = await fc.check(property, {
    numRuns: Number.MAX_SAFE_INTEGER,
    endOnFailure: true,
    interruptAfterTimeLimit: timeLimitMs,
  });
  stream.close();
  await stop();
  const failure = details.counterexample && `${fc.defaultReportMessage(details)}\n${details.errorInstance}`;
  return { failure, sequences: details.numRuns, occurred };
}

/** Describes a verdict in a line for the test's output. */
export const summaryOf = ({ sequences, occurred }: Verdict): string =>
  `${sequences} random sequences: ${JSON.stringify(occurred)}`;
