import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { COUNTS } from "../../../src/cli/cost/load.ts";
import { CounterTotals } from "../../../src/registry/counter-totals.ts";
import { DeferredSave } from "../../../src/registry/deferred-save.ts";
import { Presence } from "../../../src/registry/presence.ts";
import { Counters } from "../../../src/telemetry/counters.ts";
import { fakeTimers } from "../../support/clock.ts";
import { silence } from "../../support/leak-guard/console.ts";
import { MemoryStorage } from "../../support/object-storage.ts";

/** The rows that registries write, counted over an hour of a fake clock. */

const { registries: REGISTRIES, registryRowsPerDay: MAX_ROWS_PER_DAY } = COUNTS;
const SECOND = 1000;
const HOUR = 3600 * SECOND;

beforeEach(fakeTimers);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A registry's parts, put together as its object does. */
function registry() {
  const storage = new MemoryStorage();
  const kv = storage.kv as unknown as SyncKvStorage;
  const pending = new Set<Promise<unknown>>();
  const totals = new CounterTotals(kv);
  const saver = new DeferredSave(
    () => {
      presence.save();
      totals.save();
    },
    (promise) => pending.add(promise.finally(() => pending.delete(promise))),
  );
  const listeners = new Map<string, number>();
  const presence: Presence = new Presence({
    kv,
    versionId: "1",
    askObject: async (name) => listeners.get(name) ?? 0,
    saveSoon: () => saver.schedule(),
    onLost: () => {},
  });
  const report = (channel: string, count: number) => {
    listeners.set(channel, count);
    presence.report(channel, count);
    const counts = new Counters();
    counts.count("tidings_deliveries_total", { kind: "order" }, count);
    totals.add(counts.take());
    saver.schedule();
  };
  return { storage, presence, report, kv };
}

/** Runs an hour, and returns the rows written in it. */
async function rowsOfAnHour(perSecond: (second: number) => void, storage: MemoryStorage): Promise<number> {
  const before = storage.rowsWritten;
  for (let second = 0; second < HOUR / SECOND; second++) {
    perSecond(second);
    await vi.advanceTimersByTimeAsync(SECOND);
  }
  return storage.rowsWritten - before;
}

const perDay = (rows: number) => rows * 24 * REGISTRIES;

test(`an hour of steady traffic, scraped every 15 s, extrapolates to at most ${MAX_ROWS_PER_DAY} rows a day`, async () => {
  const { storage, presence, report } = registry();
  const channels = Array.from({ length: 100 }, (_, i) => `order_${i}`);
  for (const channel of channels) report(channel, 10);
  const rows = await rowsOfAnHour((second) => {
    // Two channels report in each second: events, and listeners who come and go.
    for (const n of [2 * second, 2 * second + 1]) report(channels[n % 100] ?? "", 10 + (second % 7));
    if (second % 15 === 0) void presence.overview(0);
  }, storage);
  console.log(`steady traffic: ${rows} rows an hour in one registry, ${perDay(rows)} a day in all ${REGISTRIES}`);
  expect(perDay(rows)).toBeLessThanOrEqual(MAX_ROWS_PER_DAY);
});

test("an hour of bursts, with quiet minutes in between, costs little more", async () => {
  const worst = { pause: 0, rows: 0 };
  for (const pause of [2, 7, 20, 45, 61, 66, 120]) {
    const { storage, report } = registry();
    report("products", 5);
    const rows = await rowsOfAnHour((second) => {
      if (second % pause < 2) report("products", 5 + (second % 3));
    }, storage);
    if (rows > worst.rows) Object.assign(worst, { pause, rows });
  }
  console.log(`bursts: at worst ${worst.rows} rows an hour, every ${worst.pause} s; ${perDay(worst.rows)} a day`);
  expect(perDay(worst.rows)).toBeLessThanOrEqual(1.25 * MAX_ROWS_PER_DAY);
});

test("an hour in which twelve shards of one registry report every two seconds costs no more", async () => {
  const { storage, presence, report } = registry();
  const shards = Array.from({ length: 12 }, (_, i) => `products/weur/${i}`);
  for (const shard of shards) report(shard, 2000);
  const rows = await rowsOfAnHour((second) => {
    if (second % 2 === 0) for (const [i, shard] of shards.entries()) report(shard, 2000 + ((second + i) % 7));
    if (second % 15 === 0) void presence.overview(0);
  }, storage);
  console.log(`twelve shards: ${rows} rows an hour in one registry, ${perDay(rows)} a day in all ${REGISTRIES}`);
  expect(perDay(rows)).toBeLessThanOrEqual(MAX_ROWS_PER_DAY);
});

test("an hour of silent listeners, confirmed by every scrape that finds their counts old, costs few rows", async () => {
  const { storage, presence, report } = registry();
  for (let i = 0; i < 150; i++) report(`order_${i}`, 3);
  const rows = await rowsOfAnHour((second) => {
    if (second % 15 === 0) void presence.overview(0);
  }, storage);
  console.log(`silent listeners: ${rows} rows an hour in one registry`);
  expect(perDay(rows)).toBeLessThanOrEqual(MAX_ROWS_PER_DAY / 4);
});

test("a crash loses at most a minute of counters, and no channel's listeners", async () => {
  const { kv, presence, report } = registry();
  for (let second = 0; second < 600; second++) {
    report("products", 5);
    await vi.advanceTimersByTimeAsync(SECOND);
  }
  const saved = new CounterTotals(kv).all;
  const [deliveries = 0] = Object.values(saved)[0] ?? [];
  expect(deliveries).toBeGreaterThanOrEqual(5 * (600 - 60));
  report("order_new", 1);
  report("products", 0);
  const restored = new Presence({
    kv,
    versionId: "1",
    askObject: async () => 0,
    saveSoon: () => {},
    onLost: () => {},
  });
  expect(restored.channels).toEqual(["order_new"]);
  expect(presence.channels).toEqual(["order_new"]);
});

test("counts that were stored by the version before are read, and one that it cannot read is kept", async () => {
  const { kv } = registry();
  kv.put("count:products", { count: 7, confirmedAt: Date.now() - SECOND });
  kv.put("count:order_1", "unreadable");
  const options = { kv, versionId: "", askObject: async () => 2, saveSoon: () => {}, onLost: () => {} };
  const { channels } = await new Presence(options).overview(10);
  // Confirmed, because the version is new.
  expect(channels).toEqual({ products: 2, order_1: 2 });
});

test("[promise 5] objects that always fail do not keep the counts of others from being confirmed", async () => {
  silence();
  const { kv } = registry();
  for (let i = 0; i < 200; i++) kv.put(`count:order_failing_${i}`, { count: 1, confirmedAt: 0 });
  for (let i = 0; i < 3; i++) kv.put(`count:order_other_${i}`, { count: 1, confirmedAt: 1 });
  const askObject = async (name: string) => {
    if (name.includes("failing")) throw new Error("it fails for the test");
    return 0;
  };
  // The registry may hibernate between two readers, so each round begins without memory.
  for (let round = 0; round < 10; round++) {
    await new Presence({ kv, versionId: "1", askObject, saveSoon: () => {}, onLost: () => {} }).overview(0);
  }
  const { channels } = new Presence({ kv, versionId: "1", askObject, saveSoon: () => {}, onLost: () => {} });
  expect(channels.filter((name) => !name.includes("failing"))).toEqual([]);
});

test("objects that fail are logged once a round, those that do not answer in time are not", async () => {
  const logged = silence();
  const { kv } = registry();
  for (const name of ["order_1", "order_2", "order_3"]) kv.put(`count:${name}`, { count: 1, confirmedAt: 0 });
  const askObject = async (name: string) => {
    if (name === "order_3") return new Promise<never>(() => {});
    throw new Error("it fails for the test");
  };
  const round = new Presence({ kv, versionId: "1", askObject, saveSoon: () => {}, onLost: () => {} }).overview(0);
  await vi.advanceTimersByTimeAsync(5 * SECOND);
  expect((await round).kinds.order.channels).toBe(3);
  expect(logged.mock.calls.map(([line]) => JSON.parse(String(line)))).toEqual([
    {
      ...{ level: "error", event: "fault", where: "listener_counts", error: "Error: it fails for the test" },
      channel: expect.stringMatching(/^order_[12]$/),
    },
  ]);
});

describe("the listeners of shards", () => {
  test("are added to those of the products, which are one channel and listed before any order", async () => {
    const { presence, report } = registry();
    report("order_1", 1);
    report("products", 10);
    report("products/weur/0", 20);
    report("products/apac-se/3", 30);
    expect(await presence.overview(0)).toEqual({
      kinds: { order: { channels: 1, connections: 1 }, products: { channels: 1, connections: 60 } },
      channels: { products: 60 },
    });
    expect((await presence.overview(1)).channels).toEqual({ products: 60, order_1: 1 });
  });

  test("keep the products among the channels that hear of a gap, while the root has no listeners itself", () => {
    const { presence, report } = registry();
    report("products/weur/0", 20);
    report("products/weur/1", 20);
    report("order_1", 1);
    expect(presence.channels).toEqual(["products", "order_1"]);
    report("products/weur/0", 0);
    report("products/weur/1", 0);
    expect(presence.channels).toEqual(["order_1"]);
  });

  test("are confirmed by the shard itself: one that has vanished counts nothing, one that cannot be reached as before", async () => {
    silence();
    const { kv } = registry();
    const asked: string[] = [];
    const lost: [string, number][] = [];
    const old = { confirmedAt: Date.now() - 3600 * SECOND };
    for (const [name, count] of Object.entries({ products: 5, "products/weur/0": 7, "products/weur/1": 9 })) {
      kv.put(`count:${name}`, { count, ...old });
    }
    const presence = new Presence({
      kv,
      versionId: "1",
      askObject: async (name) => {
        asked.push(name);
        if (name === "products/weur/1") throw new Error("unreachable");
        return name === "products" ? 5 : 0;
      },
      saveSoon: () => {},
      onLost: (...loss) => lost.push(loss),
    });
    expect((await presence.overview(0)).channels).toEqual({ products: 14 });
    expect(asked.sort()).toEqual(["products", "products/weur/0", "products/weur/1"]);
    expect(lost).toEqual([["products", 7]]);
  });
});
