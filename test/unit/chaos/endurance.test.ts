import { describe, expect, test } from "vitest";
import { isSound, judge, type Sample } from "../../chaos/endurance/judge.ts";

/** What the samples of an endurance run prove. */

const steady: Sample = {
  part: 1,
  seconds: 0,
  memoryMB: 400,
  descriptors: 5000,
  storageMB: 60,
  cpuMsPerEvent: 0.5,
  p50: 10,
  p99: 50,
  othersCores: 0.1,
  sockets: 2000,
  published: 0,
  refused: 0,
  received: 0,
  joins: 2000,
};
const run = (of: (n: number) => Partial<Sample>) => ({
  sockets: 2000,
  eventsPerSecond: 200,
  samples: Array.from({ length: 60 }, (_, n) => ({ ...steady, seconds: 10 * n, ...of(n) })),
});
const growing = (samples: Sample[]) =>
  judge(samples).flatMap(({ verdict, measure }) => (verdict === "grows" ? measure : []));

test("a steady run is sound", () => expect(isSound(run(() => ({})))).toBe(true));

test("a run in which an event was refused is not sound", () => {
  expect(isSound(run((n) => ({ refused: Math.floor(n / 59) })))).toBe(false);
});

describe("a seeded leak is found:", () => {
  for (const measure of ["memoryMB", "descriptors", "storageMB", "cpuMsPerEvent", "p99"] as const) {
    test(measure, () => {
      const leaking = run((n) => ({ [measure]: steady[measure] * (1 + n / 100) }));
      expect(growing(leaking.samples)).toEqual([measure]);
      expect(isSound(leaking)).toBe(false);
    });
  }
});

test("growth while caches and histories fill, in the first half, is no leak", () => {
  expect(isSound(run((n) => ({ memoryMB: 100 + Math.min(n, 30) })))).toBe(true);
});

test("what a restart took away is no fall of the next part, and its own growth is found", () => {
  const { samples } = run((n) => (n < 30 ? {} : { part: 2, memoryMB: 200 + 10 * n }));
  expect(judge(samples).find(({ verdict }) => verdict === "grows")).toMatchObject({ part: 2, measure: "memoryMB" });
});

test("times that grow while other programs are busy are not judged; memory is", () => {
  const { samples } = run((n) => ({ p99: 50 + n, cpuMsPerEvent: 1 + n, memoryMB: 400 + 10 * n, othersCores: 1.5 }));
  const verdictOf = (name: string) => judge(samples).find(({ measure }) => measure === name)?.verdict;
  expect(["p99", "cpuMsPerEvent", "memoryMB"].map(verdictOf)).toEqual([
    "too busy a machine",
    "too busy a machine",
    "grows",
  ]);
});
