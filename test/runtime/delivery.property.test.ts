import { describe, expect, test as withoutRedis } from "vitest";
import { summaryOf, tryRandomFailovers } from "../support/failovers/random-failovers.ts";
import { hasRedis } from "../support/redis.ts";

const test = withoutRedis.skipIf(!hasRedis("random failovers of Redis"));

test("[promise 3] [promise 4] [promise 8] each listener receives every event once, or learns of a gap", async () => {
  const verdict = await tryRandomFailovers(4000);
  expect(verdict.failure).toBeNull();
  console.log(summaryOf(verdict));
});

describe("a seeded bug is found:", () => {
  for (const bug of ["a relay that forgets what it has read", "a relay that keeps gaps to itself"]) {
    test(bug, async () => {
      expect((await tryRandomFailovers(50_000, bug)).failure).not.toBeNull();
    });
  }
});
