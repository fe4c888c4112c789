import { describe, expect, test } from "vitest";
import { hasRedis } from "../support/redis.ts";
import { checkRun } from "./model/checker.ts";
import type { RunRecord } from "./model/record.ts";
import { BUGS } from "./model/tampering.ts";
import { originNow } from "./results.ts";
import { planOf, SHORT } from "./run/plan.ts";
import { reportOf, resultOf } from "./run/report.ts";
import { type Round, runRound } from "./run/round.ts";

/** The short form of the run under random failures; `npm run test:chaos -- --long` is the long one. */

describe.skipIf(!hasRedis("random failures of real processes"))("under random failures", () => {
  let record: RunRecord | undefined;

  test("[promise 1] [promise 2] [promise 3] [promise 4] [promise 8] what publishers were told is what every listener received", async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const start = Date.now();
    const { rounds, skipped } = await planOf(seed, SHORT);
    const done: Round[] = [];
    for (const options of rounds) done.push(await runRound(options, (one) => (record = one)));
    const seconds = Math.round((Date.now() - start) / 1000);
    console.log(reportOf(resultOf({ seed, origin: originNow(), seconds, rounds: done, skipped })));
    expect(done.flatMap(({ verdict }) => verdict.violations)).toEqual([]);
    expect(done.every(({ events, verdict }) => events > 100 && verdict.checks > 1000)).toBe(true);
  });

  for (const { name, expected, seed } of BUGS) {
    test(`a bug seeded into this run is found: ${name}`, () => {
      const tampered = structuredClone(record) as RunRecord;
      expect(seed(tampered)).toBe(true);
      const kinds = checkRun(tampered).violations.map(({ kind }) => kind);
      expect(kinds.filter((kind) => expected.includes(kind))).not.toEqual([]);
    });
  }
});
