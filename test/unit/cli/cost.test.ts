import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { billFor, MONTH_SECONDS } from "../../../src/cli/cost/bill.ts";
import { capacitiesFor } from "../../../src/cli/cost/capacity.ts";
import { COUNTS, type Load } from "../../../src/cli/cost/load.ts";
import { peersFor } from "../../../src/cli/cost/peers.ts";
import { ratesOf } from "../../../src/cli/cost/rates.ts";
import { EVENTS } from "../../../src/protocol/events.ts";
import { MAX_BATCH_EVENTS } from "../../../src/protocol/publish-call.ts";
import { MAX_SHARDS_PER_REGION, REGIONS } from "../../../src/protocol/shards.ts";
import { DeferredSave } from "../../../src/registry/deferred-save.ts";
import { Reporter } from "../../../src/telemetry/reporter.ts";
import { fakeTimers } from "../../support/clock.ts";
import { TestTerminal } from "./test-terminal.ts";

const SHOP: Load = { listeners: 1000, events: 1, session: 60, batch: 1, shards: "auto", regions: 4 };
const ONE_OF_10_000 = { products: 1, of: 10_000 };

describe("the bill", () => {
  it("of a shop at rest is the paid plan", () => {
    expect(billFor({ ...SHOP, listeners: 10, events: 0.001 }).usd).toBe(5);
  });

  const anyLoad = fc.record({
    listeners: fc.integer({ min: 1, max: 1e6 }),
    events: fc.double({ min: 0.001, max: 1000, noNaN: true }),
    session: fc.double({ min: 1, max: 1440, noNaN: true }),
    batch: fc.integer({ min: 1, max: MAX_BATCH_EVENTS }),
    shards: fc.oneof(fc.constant("auto" as const), fc.integer({ min: 0, max: MAX_SHARDS_PER_REGION })),
    regions: fc.integer({ min: 1, max: REGIONS.length }),
    plain: fc.boolean(),
    filtered: fc.option(fc.constant(ONE_OF_10_000), { nil: undefined }),
  });

  it("adds up, falls with filters and batches, and never exceeds that of objects that never sleep", () => {
    fc.assert(
      fc.property(anyLoad, (load) => {
        const bill = billFor(load);
        expect(bill.usd).toBeCloseTo(bill.lines.reduce((sum, { usd }) => sum + usd, bill.plan_usd));
        for (const { used, parts } of bill.lines) {
          expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(used);
        }
        expect(bill.usd_awake).toBeGreaterThanOrEqual(bill.usd - 1e-6);
        expect(billFor({ ...load, batch: load.batch + 1 }).usd).toBeLessThanOrEqual(bill.usd + 1e-6);
        const unfiltered = { ...load, filtered: undefined };
        const { usd } = billFor(unfiltered);
        expect(billFor({ ...unfiltered, listeners: load.listeners + 1 }).usd).toBeGreaterThanOrEqual(usd - 1e-6);
        // With filters, shards ask the root for products that they do not receive yet.
        const joinsAtMost =
          (0.15 + 12.5 * 0.128 * COUNTS.secondsPerCall) * ratesOf(load).connects * (MONTH_SECONDS / 1e6);
        expect(billFor({ ...load, filtered: ONE_OF_10_000 }).usd).toBeLessThanOrEqual(usd + joinsAtMost + 1e-6);
      }),
    );
  });
});

describe("the bill assumes no less than happens:", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("how often a channel reports", async () => {
    fakeTimers();
    let reports = 0;
    const reporter = new Reporter(async () => void reports++);
    const seconds = 600;
    for (let second = 0; second < seconds; second++) {
      reporter.schedule(() => {});
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(reports / seconds).toBeLessThanOrEqual(1.01 / COUNTS.reportIntervalSeconds);
  });

  it("for how long a registry waits to save", async () => {
    fakeTimers();
    let savedAt = Date.now();
    let longestMs = 0;
    const saver = new DeferredSave(
      () => {
        longestMs = Math.max(longestMs, Date.now() - savedAt);
        savedAt = Date.now();
      },
      () => {},
    );
    for (let second = 0; second < 600; second++) {
      saver.schedule();
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(longestMs).toBeLessThanOrEqual(1000 * (COUNTS.registrySaveSeconds + 1));
  });

  it("how long the catalogue's product events are", () => {
    const id = "0b8f9a52-3c5d-4e0c-9a55-1de1f1a7c001";
    const lengths = Object.entries(EVENTS).flatMap(([type, { channel, example }]) => {
      const frame = { type, data: example, id, seq: 1_000_000, ts: new Date().toISOString() };
      return channel === "products" ? [JSON.stringify(frame).length] : [];
    });
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(Math.abs(mean - COUNTS.charactersPerEvent)).toBeLessThan(0.1 * mean);
  });
});

describe("the limit that is met first", () => {
  const exceeded = (load: Load) =>
    capacitiesFor(load).flatMap(({ what, needed, limit }) => (needed > limit ? [what] : []));

  it("of 500 listeners is none, but the free plan writes too few rows", () => {
    const load = { ...SHOP, listeners: 500 };
    expect(exceeded(load)).toEqual([]);
    const rows = billFor(load).lines.find(({ meter }) => meter === "Rows written");
    expect(rows?.free_plan).toBeGreaterThan(1);
  });

  it("of 50,000 listeners and 20 events/s without shards is what the root sends, then its requests and sockets", () => {
    const load: Load = { ...SHOP, listeners: 50_000, events: 20, shards: 0 };
    expect(exceeded(load).map((what) => what.split(" ")[0])).toEqual(["sends/s", "requests/s", "sockets"]);
    expect(exceeded({ ...load, filtered: ONE_OF_10_000 })).toEqual(["sockets of the root"]);
  });

  it("of many publishes is the rate of one key, then the root's requests, unless they are batched", () => {
    const load = { ...SHOP, listeners: 100, events: 1000, filtered: ONE_OF_10_000 };
    expect(exceeded(load).map((what) => what.split(" ")[0])).toEqual(["publish", "requests/s"]);
    expect(exceeded({ ...load, batch: 100 })).toEqual([]);
  });

  it("of plain listeners is what an object may send to those who cannot acknowledge", () => {
    const load: Load = { ...SHOP, listeners: 5000, plain: true, shards: 0 };
    expect(exceeded(load)).toEqual(["bytes/min of an object to plain listeners"]);
    expect(exceeded({ ...load, shards: "auto" })).toEqual([]);
  });
});

describe("peers", () => {
  const usd = (load: Load) => Object.fromEntries(peersFor(load).map((peer) => [peer.name, peer.usd]));
  const MILLIONS = MONTH_SECONDS / 1e6;

  it("bill each delivery and each minute of a connection", () => {
    const { Ably, "AppSync Events": appSync } = usd(SHOP);
    expect(Ably).toBeCloseTo(2.5 * 1001 * MILLIONS + (1001 / 60) * MILLIONS);
    expect(appSync).toBeCloseTo((1001 + (2 * 1000) / 3600) * MILLIONS + (0.08 * 1000 * MILLIONS) / 60);
  });

  it("that sell plans bill the smallest that is large enough, and none beyond the largest", () => {
    expect(usd({ ...SHOP, listeners: 100, events: 0.1 }).Pusher).toBe(49);
    expect(usd({ ...SHOP, listeners: 501, events: 0.001 }).Pusher).toBe(99);
    expect(usd({ ...SHOP, listeners: 30_001, events: 0.001 }).Pusher).toBeNull();
    // One unit of Azure, whose million messages a day are not used up.
    expect(usd({ ...SHOP, events: 0.01 })["Azure Web PubSub"]).toBeCloseTo(48.3);
    expect(usd(SHOP)["Self-hosting"]).toBe(63);
  });
});

describe("tidings cost", () => {
  it("prints a bill, peers and limits without any option", async () => {
    const terminal = new TestTerminal();
    expect(await terminal.run("cost")).toBe(0);
    for (const part of ["Total", "if no object ever slept", "Ably", "Self-hosting", "the root alone", "free plan"]) {
      expect(terminal.output).toContain(part);
    }
  });

  it("names the shards, and says when a load is too much", async () => {
    const alone = new TestTerminal();
    await alone.run("cost", "--listeners", "50000", "--shards", "0");
    expect(alone.output).toContain("one is exceeded");
    const sharded = new TestTerminal();
    await sharded.run("cost", "--listeners", "50000", "--regions", "2");
    expect(sharded.output).toContain("PRODUCTS_SHARDS=auto: the root and 20 shards in 2 regions");
    expect(sharded.output).not.toContain("one is exceeded");
    const pinned = new TestTerminal();
    await pinned.run("cost", "--shards", "3", "--regions", "1");
    expect(pinned.output).toContain("PRODUCTS_SHARDS=3: the root and 3 shards in 1 region\n");
  });

  it("prints the same as JSON", async () => {
    const terminal = new TestTerminal();
    const args = ["--listeners", "50", "--events", "0.5", "--session", "7.5", "--filtered", "4/100", "--batch", "10"];
    expect(await terminal.run("cost", ...args, "--json")).toBe(0);
    const options = { listeners: 50, events: 0.5, session: 7.5, filtered: { products: 4, of: 100 }, batch: 10 };
    const load: Load = { ...SHOP, ...options };
    expect(JSON.parse(terminal.output)).toEqual({
      rates: ratesOf(load),
      bill: billFor(load),
      peers: peersFor(load),
      limits: capacitiesFor(load),
    });
  });
});
