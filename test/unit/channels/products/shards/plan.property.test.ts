import fc from "fast-check";
import { expect, test } from "vitest";
import { laterPlan, NO_SHARDS, nextPlan, type PlanState } from "../../../../../src/channels/products/shards/plan.ts";
import { MAX_SHARDS_PER_REGION, type Region } from "../../../../../src/protocol/shards.ts";

const MINUTE = 60_000;
const REGIONS = ["weur", "enam", "oc"] as const satisfies Region[];
const region = fc.constantFrom(...REGIONS);

/** Few listeners, whose number may end a plan, or many. */
const count = fc.oneof({ weight: 2, arbitrary: fc.nat(400) }, fc.nat(9000));
/** What the root learns over time: counts, and clients that arrive. */
const steps = fc.array(
  fc.record({
    minutes: fc.nat(6),
    root: count,
    shards: fc.dictionary(region, count, { maxKeys: 3, noNullPrototype: true }),
    client: fc.option(fc.record({ region, fullOf: fc.option(fc.integer({ min: 1, max: 5 })) })),
  }),
  { minLength: 10, maxLength: 40 },
);

/** Checks `auto` at each step against the whole course of events so far. */
const property = (next: typeof nextPlan) =>
  fc.property(steps, (steps) => {
    let state: PlanState = { plan: NO_SHARDS, fewSince: null };
    let now = 0;
    let fewSince: number | null = null;
    for (const { minutes, root, shards, client } of steps) {
      now += minutes * MINUTE;
      const total = root + Object.values(shards).reduce((sum, count) => sum + count, 0);
      const before = state.plan;
      const hadShards = Object.keys(before.shards).length > 0;
      state = next(state, "auto", { root, shards, isComplete: true }, client, now);
      const { plan } = state;
      expect(laterPlan(before, plan)).toBe(plan);

      const isLong: boolean = fewSince !== null && now - fewSince >= 10 * MINUTE;
      const isFew: boolean = total < (fewSince === null || isLong ? 2000 : 2500);
      fewSince = hadShards && isFew ? (fewSince ?? now) : null;
      const ends = isLong && isFew;
      const isOn = hadShards ? !ends : total > 4000;
      if (!isOn) {
        expect(plan.shards).toEqual({});
        fewSince = null;
        continue;
      }
      for (const region of REGIONS) {
        const count = plan.shards[region] ?? 0;
        expect(count).toBeGreaterThanOrEqual(before.shards[region] ?? 0);
        expect(count * 2500).toBeGreaterThanOrEqual(shards[region] ?? 0);
        expect(count).toBeLessThanOrEqual(MAX_SHARDS_PER_REGION);
        if (client?.region === region) expect(count).toBeGreaterThan(0);
      }
    }
  });

test("a plan has room for everyone, never shrinks under listeners, and ends when there have long been few", () => {
  fc.assert(property(nextPlan));
});

test.each<[string, typeof nextPlan]>([
  [
    "shrinks with its listeners",
    (state, ...rest) => nextPlan({ ...state, plan: { ...state.plan, shards: {} } }, ...rest),
  ],
  ["ends too early", (state, ...rest) => nextPlan({ ...state, fewSince: 0 }, ...rest)],
  ["never ends", (state, ...rest) => nextPlan({ ...state, fewSince: null }, ...rest)],
  [
    "forgets the region of the client",
    (state, setting, audience, _, now) => nextPlan(state, setting, audience, null, now),
  ],
])("the property fails for a plan that %s", (_, broken) => {
  expect(fc.check(property(broken), { numRuns: 500 }).failed).toBe(true);
});
