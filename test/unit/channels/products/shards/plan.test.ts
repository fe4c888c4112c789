import { describe, expect, test } from "vitest";
import {
  type Audience,
  laterPlan,
  NO_SHARDS,
  nextPlan,
  type Placement,
  type PlanState,
  shardPlan,
} from "../../../../../src/channels/products/shards/plan.ts";
import { parseShardName, REGIONS, shardName } from "../../../../../src/protocol/shards.ts";

const MINUTE = 60_000;
const START = Date.parse("2026-11-26T00:00:00Z");
const NEW: PlanState = { plan: NO_SHARDS, fewSince: null };
const from = (region: Placement["region"], fullOf: number | null = null): Placement => ({ region, fullOf });
const withShards = (shards: PlanState["plan"]["shards"]): PlanState => ({
  plan: { decidedAt: START, shards },
  fewSince: null,
});

interface Situation {
  state?: PlanState;
  setting?: "auto" | number;
  root?: number;
  shards?: Audience["shards"];
  isComplete?: boolean;
  client?: Placement | null;
  now?: number;
}

const next = ({ state = NEW, setting = "auto", client = null, now = START, ...audience }: Situation) =>
  nextPlan(state, setting, { root: 0, shards: {}, isComplete: true, ...audience }, client, now);
const shardsAfter = (situation: Situation) => next(situation).plan.shards;

describe("auto", () => {
  test("leaves up to 4,000 listeners to the root", () => {
    expect(next({ root: 4000, client: from("weur") })).toEqual(NEW);
  });

  test("beyond that gives the region of the next client a shard", () => {
    expect(shardsAfter({ root: 4001, client: from("weur") })).toEqual({ weur: 1 });
  });

  test("gives a region one shard for every 2,500 listeners", () => {
    const state = withShards({ weur: 1 });
    expect(shardsAfter({ state, root: 4000, shards: { weur: 2500 } })).toEqual({ weur: 1 });
    expect(shardsAfter({ state, root: 4000, shards: { weur: 2501, enam: 7000 } })).toEqual({ weur: 2, enam: 3 });
  });

  test("takes no shard away while there are enough listeners", () => {
    const state = withShards({ weur: 5, enam: 2 });
    expect(next({ state, shards: { weur: 2000 }, now: START + 60 * MINUTE })).toEqual(state);
  });

  test("adds a shard where all that the Worker knew are full, however few listeners they have", () => {
    const state = withShards({ weur: 2 });
    const audience = { root: 4000, shards: { weur: 300 } };
    expect(shardsAfter({ state, ...audience, client: from("weur", 2) })).toEqual({ weur: 3 });
  });

  test("adds one shard, not one for each client that found the same shards full", () => {
    const state = withShards({ weur: 3 });
    expect(shardsAfter({ state, root: 4000, client: from("weur", 2) })).toEqual({ weur: 3 });
  });

  test("adds no shard for a client whose shards failed", () => {
    const state = withShards({ weur: 1 });
    expect(shardsAfter({ state, root: 4000, client: from("weur", 0) })).toEqual({ weur: 1 });
  });

  test("plans at most 64 shards in a region", () => {
    const state = withShards({ weur: 64 });
    expect(next({ state, shards: { weur: 900_000 }, client: from("weur", 64) })).toEqual(state);
  });

  test("returns to the root alone after ten minutes with fewer than 2,000 listeners", () => {
    let state = withShards({ weur: 2 });
    state = next({ state, root: 999, shards: { weur: 1000 } });
    expect(state).toEqual({ ...withShards({ weur: 2 }), fewSince: START });
    state = next({ state, shards: { weur: 1000 }, now: START + 10 * MINUTE - 1 });
    expect(state.plan.shards).toEqual({ weur: 2 });
    state = next({ state, shards: { weur: 1000 }, now: START + 10 * MINUTE });
    expect(state).toEqual({ plan: { decidedAt: START + 10 * MINUTE, shards: {} }, fewSince: null });
  });

  test("waits for ten minutes in a row", () => {
    let state = next({ state: withShards({ weur: 2 }), shards: { weur: 1000 } });
    state = next({ state, shards: { weur: 2500 }, now: START + 5 * MINUTE });
    expect(state.fewSince).toBe(null);
    state = next({ state, shards: { weur: 1000 }, now: START + 6 * MINUTE });
    expect(shardsAfter({ state, shards: { weur: 1000 }, now: START + 15 * MINUTE })).toEqual({ weur: 2 });
  });

  test("changes nothing while the number of listeners moves around 2,000, and begins anew if it ends above", () => {
    const first = next({ state: withShards({ weur: 2 }), shards: { weur: 1999 } });
    for (const [minutes, weur] of [
      [1, 2400],
      [5, 1990],
      [9, 2010],
    ] as const) {
      expect(next({ state: first, shards: { weur }, now: START + minutes * MINUTE })).toEqual(first);
    }
    expect(next({ state: first, shards: { weur: 2010 }, now: START + 10 * MINUTE })).toEqual(withShards({ weur: 2 }));
    expect(shardsAfter({ state: first, shards: { weur: 1999 }, now: START + 10 * MINUTE })).toEqual({});
  });

  test("decides neither that there are few nor that there are enough before every shard has told its number", () => {
    const state = next({ state: withShards({ weur: 2 }), shards: { weur: 1000 } });
    const now = START + 10 * MINUTE;
    expect(next({ state, isComplete: false, now })).toEqual(state);
    expect(next({ state: withShards({ weur: 2 }), isComplete: false, now })).toEqual(withShards({ weur: 2 }));
    expect(shardsAfter({ state, shards: { weur: 1000 }, now })).toEqual({});
  });

  test("starts to wait anew when the clock was set back", () => {
    const state = { ...withShards({ weur: 2 }), fewSince: START + 60 * MINUTE };
    expect(next({ state }).fewSince).toBe(START);
  });
});

describe("a fixed number", () => {
  test("is that many shards in each region with listeners, from the first one", () => {
    expect(shardsAfter({ setting: 3, client: from("weur") })).toEqual({ weur: 3 });
    expect(shardsAfter({ setting: 3, state: withShards({ weur: 3 }), client: from("oc", 3) })).toEqual({
      weur: 3,
      oc: 3,
    });
  });

  test("replaces another number", () => {
    expect(shardsAfter({ setting: 2, state: withShards({ weur: 3, oc: 1 }) })).toEqual({ weur: 2, oc: 2 });
  });

  test("0 is the root alone, whatever there was", () => {
    expect(shardsAfter({ setting: 0, state: withShards({ weur: 3 }), client: from("weur") })).toEqual({});
    expect(next({ setting: 0, root: 30_000, client: from("weur") })).toEqual(NEW);
  });
});

test("of two plans, the one decided later counts, even when the clock was set back in between", () => {
  const { plan } = next({ setting: 2, state: withShards({ weur: 3 }), now: START - 60 * MINUTE });
  expect(laterPlan(plan, withShards({ weur: 3 }).plan)).toBe(plan);
  expect(laterPlan(withShards({ weur: 3 }).plan, plan)).toBe(plan);
});

test("a plan that another version wrote is read, or refused", () => {
  expect(shardPlan.parse({ decidedAt: 1, shards: { weur: 2 } })).toEqual({ decidedAt: 1, shards: { weur: 2 } });
  for (const shards of [{ mars: 1 }, { weur: 0 }, { weur: 65 }, { weur: 1.5 }]) {
    expect(shardPlan.safeParse({ decidedAt: 1, shards }).success).toBe(false);
  }
});

test("a shard's name is parsed only in the form in which it is written", () => {
  for (const region of REGIONS) {
    expect(parseShardName(shardName(region, 63))).toEqual({ name: `products/${region}/63`, region, index: 63 });
  }
  const wrong = ["products", "products/weur", "products/weur/64", "products/weur/01", "products/weur/-1"];
  for (const name of [...wrong, "products/mars/0", "products/weur/0/0", "order_weur/0", ""]) {
    expect(parseShardName(name)).toBe(null);
  }
});
