import { expect, test } from "vitest";
import { summaryOf, tryRandomFailovers } from "../support/failovers/random-failovers.ts";
import { hasRedis } from "../support/redis.ts";

test.skipIf(!hasRedis("random failovers of Redis"))(
  "[promise 3] [promise 4] [promise 8] each listener receives every event once, or learns of a gap, for a while",
  async () => {
    const verdict = await tryRandomFailovers(60_000);
    expect(verdict.failure).toBeNull();
    console.log(summaryOf(verdict));
    // A property that never meets its cases proves nothing.
    expect(Math.min(...Object.values(verdict.occurred))).toBeGreaterThan(5);
  },
);
