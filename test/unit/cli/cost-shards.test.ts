import { afterEach, describe, expect, it, vi } from "vitest";
import { FlowControl } from "../../../src/channels/listeners/flow-control.ts";
import { NO_SHARDS, nextPlan, type Placement } from "../../../src/channels/products/shards/plan.ts";
import { billFor, MONTH_SECONDS } from "../../../src/cli/cost/bill.ts";
import { capacitiesFor } from "../../../src/cli/cost/capacity.ts";
import { COUNTS, type Load } from "../../../src/cli/cost/load.ts";
import { interestOf, ratesOf, shardsFor } from "../../../src/cli/cost/rates.ts";
import { shardOrder } from "../../../src/edge/placement.ts";
import { MAX_SHARD_MESSAGES_PER_SECOND, REGIONS } from "../../../src/protocol/shards.ts";
import { Reporter } from "../../../src/telemetry/reporter.ts";
import { fakeTimers } from "../../support/clock.ts";

const SHOP: Load = { listeners: 10_000, events: 1, session: 60, batch: 1, shards: "auto", regions: 4 };
const ONE_OF_10_000 = { products: 1, of: 10_000 };

/** The same numbers from 0 to 1 in each run. */
function randomNumbers(): () => number {
  let seed = 1;
  return () => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed / 0x7fffffff;
  };
}

describe("shards are as many as the plan settles on:", () => {
  /** Lets the plan decide until it stays the same. Clients that find all shards of their region full say so. */
  function settled({ listeners, shards, regions }: Load, sends: number): number {
    const places = REGIONS.slice(0, regions);
    let state = { plan: NO_SHARDS, fewSince: null as number | null };
    let isNew = true;
    while (isNew) {
      const before = state.plan;
      const hasShards = Object.keys(before.shards).length > 0;
      for (const region of places) {
        const current = before.shards[region] ?? 0;
        const isFull = current > 0 && sends / regions / current > MAX_SHARD_MESSAGES_PER_SECOND;
        const client: Placement = { region, fullOf: isFull ? current : null };
        const each = Object.fromEntries(places.map((place) => [place, listeners / regions]));
        const audience = hasShards
          ? { root: 0, shards: each, isComplete: true }
          : { root: listeners, shards: {}, isComplete: true };
        state = nextPlan(state, shards, audience, client, 1);
      }
      isNew = state.plan !== before;
    }
    return Object.values(state.plan.shards).reduce((sum, count) => sum + count, 0);
  }

  it.each<[Partial<Load>, number, number]>([
    [{ listeners: 4000 }, 0, 0],
    [{ listeners: 4001 }, 0, 4],
    [{ listeners: 4001, regions: 1 }, 0, 2],
    [{ listeners: 10_000 }, 0, 4],
    [{ listeners: 100_000 }, 0, 40],
    [{ listeners: 1_000_000 }, 0, 256],
    [{ listeners: 10_000, plain: true, events: 10 }, 100_000, 8],
    [{ listeners: 100, shards: 3, regions: 2 }, 0, 6],
    [{ listeners: 100_000, shards: 0 }, 0, 0],
  ])("%j with %i messages/s", (options, sends, expected) => {
    const load = { ...SHOP, ...options };
    expect(settled(load, sends)).toBe(expected);
    expect(shardsFor(load, sends)).toBe(expected);
  });
});

describe("pushes per event:", () => {
  it.each([
    [10_000, 1, 4, 0.88],
    [10_000, 10, 1.6, 0.88],
    [100_000, 10, 16, 3.67],
    [1_000_000, 10, 102.4, 4],
    [1_000_000, 100, 10.24, 4],
  ])("%i listeners, %i events/s: %d, or %d if each wants one product of 10,000", (listeners, events, all, one) => {
    const load = { ...SHOP, listeners, events };
    expect(ratesOf(load).pushes / events).toBeCloseTo(all, 2);
    expect(ratesOf({ ...load, filtered: ONE_OF_10_000 }).pushes / events).toBeCloseTo(one, 1);
  });

  it("a batch of different products reaches more shards than each event, but none of them twice", () => {
    const load = { ...SHOP, listeners: 100_000, events: 100, filtered: ONE_OF_10_000 };
    const single = ratesOf(load).pushes;
    expect(ratesOf({ ...load, batch: 100 }).pushes).toBeCloseTo(40);
    expect(single).toBeLessThanOrEqual(160);
  });

  it.each([
    [1, 10_000],
    [4, 10_000],
    [4, 1000],
    [50, 100_000],
  ])(
    "shards that want a product, and connections that bring a new one, are as placement has it: %i of %i",
    (products, of) => {
      const load = { ...SHOP, listeners: 20_000, filtered: { products, of } };
      const each = shardsFor(load, 0) / load.regions;
      let seed = 1;
      const random = () => {
        seed = (seed * 48_271) % 0x7fffffff;
        return seed % of;
      };
      const wanting = new Map<string, number>();
      const clients = Array.from({ length: load.listeners }, (_, n) => {
        const ids = Array.from({ length: products }, () => Math.floor(random() * of));
        const [index] = shardOrder({ decidedAt: 1, shards: { weur: each } }, "weur", `product-${ids[0]}`);
        return ids.map((id) => `${n % load.regions}/${index}/${id}`);
      });
      for (const key of clients.flat()) wanting.set(key, (wanting.get(key) ?? 0) + 1);
      const asking = clients.filter((keys) => keys.some((key) => wanting.get(key) === 1)).length;
      const interest = interestOf(load, shardsFor(load, 0));
      expect(wanting.size / of / interest.shards).toBeCloseTo(1, 1);
      expect(Math.abs(asking / load.listeners - interest.joins)).toBeLessThan(0.02);
    },
  );
});

describe("the time that objects are awake", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it.each([0.1, 1, 10])("includes what a report waits for, with %d changes per second", async (events) => {
    fakeTimers();
    const random = randomNumbers();
    const reporter = new Reporter(async () => {});
    let [waitedMs, since, isWaiting] = [0, 0, false];
    const start = Date.now();
    for (let changes = 0; changes < 2000; changes++) {
      await vi.advanceTimersByTimeAsync((-Math.log(random()) * 1000) / events);
      reporter.schedule((promise) => {
        isWaiting = true;
        since = Date.now();
        void promise.then(() => {
          waitedMs += Date.now() - since;
          isWaiting = false;
        });
      });
    }
    if (isWaiting) waitedMs += Date.now() - since;
    const share = waitedMs / (Date.now() - start);
    const { awake, publishes, reports } = ratesOf({ ...SHOP, listeners: 1, session: 1e6, events });
    expect(publishes).toBe(events);
    expect(Math.abs(awake.root - reports * COUNTS.secondsPerCall - share)).toBeLessThan(0.03);
  });

  it("is billed for the root and for each shard, and at most in full", () => {
    const load = { ...SHOP, listeners: 100_000, events: 10, shards: 1 };
    const { shards, awake } = ratesOf(load);
    const { usd, usd_awake, lines } = billFor(load);
    const parts = lines.find(({ meter }) => meter === "Object time (GB-s)")?.parts;
    expect(parts?.shards).toBeCloseTo(shards * awake.shard * 0.128 * MONTH_SECONDS);
    expect(usd).toBeLessThanOrEqual(usd_awake);
    expect(awake.shard).toBe(1);
  });
});

it("shards write no rows but their alarms", () => {
  const rows = (shards: number) =>
    billFor({ ...SHOP, shards, regions: 1 }).lines.find(({ meter }) => meter === "Rows written")?.parts;
  expect(rows(5)?.events).toBe(rows(0)?.events);
  expect(rows(0)?.events).toBeCloseTo((2 + 1 / 256) * MONTH_SECONDS);
  expect(rows(5)?.alarms).toBeCloseTo((6 * MONTH_SECONDS) / 60);
});

it("listeners acknowledge as often as they are asked to", () => {
  const flowControl = new FlowControl();
  const frames = 1_000_000;
  let requests = 0;
  for (let seq = 1; seq <= frames; seq++) {
    const due = flowControl.take(COUNTS.charactersPerEvent, seq);
    if (due === null || due === "too_slow") continue;
    requests++;
    flowControl.acknowledged(due.seq, due.nonce);
  }
  const { acks, deliveries } = ratesOf(SHOP);
  expect(acks / deliveries / (requests / frames)).toBeCloseTo(1, 2);
});

it("a full shard sends for half of its time", () => {
  expect((MAX_SHARD_MESSAGES_PER_SECOND * COUNTS.microsecondsPerSend) / 1e6).toBeCloseTo(0.5, 3);
});

describe("the limit that is met first with shards", () => {
  const first = (load: Partial<Load>) => capacitiesFor({ ...SHOP, ...load })[0];

  it("of 100,000 listeners to everything is how many pushes the root can wait for", () => {
    const limit = first({ listeners: 100_000, events: 10 });
    expect(limit?.what).toContain("pushes/s of the root");
    expect(limit?.remedy).toContain("larger batches, product filters, fewer shards");
    expect(limit?.needed).toBeGreaterThan(limit?.limit ?? 0);
  });

  it("of a small fixed number is their sockets", () => {
    const limit = first({ shards: 1, regions: 1 });
    expect(limit).toMatchObject({ what: "sockets of a region's shards", limit: 4000 });
    expect(limit?.remedy).toContain("auto");
  });

  it("of a million listeners of one region is how many shards it may have", () => {
    const limit = first({ listeners: 1_000_000, events: 0.01, regions: 1 });
    expect(limit).toMatchObject({ what: "sockets of a region's shards", limit: 256_000 });
  });
});
