import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FallibleStream } from "../support/failovers/fallible-stream.ts";
import { type ReaderStep, ReaderWorld, readerStep } from "../support/failovers/reader-world.ts";
import { hasRedis } from "../support/redis.ts";
import { setUpRedisWithBridge } from "../support/redis-with-bridge.ts";

describe.skipIf(!hasRedis("random losses of a Redis stream"))("[promise 4] [promise 8] the relay's reader", () => {
  const servers = setUpRedisWithBridge();
  let stream: FallibleStream;
  beforeAll(async () => {
    stream = await FallibleStream.connect(servers.redis.url);
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterAll(() => {
    vi.useRealTimers();
    stream?.close();
  });

  let gaps = 0;
  const tryRandomly = async (timeLimitMs: number, isForgetful = false) => {
    const property = fc.asyncProperty(fc.array(readerStep, { minLength: 8, maxLength: 30, size: "max" }), (steps) =>
      runSteps(steps, isForgetful),
    );
    const end = performance.now() + timeLimitMs;
    for (let sequences = 0; ; ) {
      // fast-check's own time limit would leave a sequence running.
      const details = await fc.check(property, { numRuns: 10 });
      sequences += details.numRuns;
      if (details.failed)
        return { sequences, failure: `${fc.defaultReportMessage(details)}\n${details.errorInstance}` };
      if (performance.now() > end) return { sequences, failure: null };
    }
  };
  const runSteps = async (steps: ReaderStep[], isForgetful: boolean) => {
    await stream.flush();
    await stream.begin();
    const world = new ReaderWorld(stream, servers.bridge, isForgetful);
    // Entries lost before the first read were never promised.
    await world.settle();
    for (const step of steps) await world.run(step);
    await world.settle();
    gaps += world.gaps;
  };

  test("receives every entry once, or notices a gap, whatever happens between its commands", async () => {
    const { sequences, failure } = await tryRandomly(20_000);
    expect(failure).toBeNull();
    console.log(`${sequences} random sequences of losses, with ${gaps} gaps`);
    expect(gaps).toBeGreaterThan(10);
  });

  test("fails this test when it does not compare the last entry it read", async () => {
    const { failure } = await tryRandomly(240_000, true);
    expect(failure).toContain("entries");
  });
});
