import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ProductsChannel } from "../../src/channels/products/products-channel.ts";
import { ProductsShard } from "../../src/channels/products/shards/products-shard.ts";
import { COUNTS } from "../../src/cli/cost/load.ts";
import { shardOrder } from "../../src/edge/placement.ts";
import { PUSH_INTERVAL_MS, parseShardName, type ShardName, shardName } from "../../src/protocol/shards.ts";
import { ChannelRegistry } from "../../src/registry/channel-registry.ts";
import { advanceClock, stopClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { serviceHealth } from "../support/listener-counts-scenario.ts";
import { metricValue, parseMetrics } from "../support/metrics.ts";
import { productsObject, publish, serviceRequest } from "../support/service.ts";
import { AwakeTimes } from "../support/shards/awake-time.ts";
import {
  CONTINENTS,
  type Continent,
  evict,
  forgetShards,
  listenFrom,
  REGION_OF,
  setShards,
} from "../support/shards/sharded-channel.ts";
import type { TestSocket } from "../support/test-socket.ts";

/** What products cost with shards: rows, calls, alarms and time awake, counted and printed in one table. */

const PER_REGION = 4;
const EVENTS = 1000;
const EVENTS_PER_CALL = 50;
/** The root's alarm while it has events for shards: at most one per minute. */
const MAX_ALARMS = 2;
const LISTENERS = 15;
/** Of a shard, while the clock stands still. */
const MAX_REPORTS_AT_ONCE = 10;
const QUIET_MS = 60_000;
/** The interval between two pushes, a push's time limit, and that of its turn. */
const TIMERS_PER_PUSH = 3;
/** Pauses of the service are a thousand times shorter here. */
const REAL_QUIET_MS = 200;

const open: TestSocket[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const socket of open.splice(0)) socket.close();
  await forgetShards(PER_REGION);
});

const shardsOf = (continent: Continent): ShardName[] =>
  Array.from({ length: PER_REGION }, (_, index) => shardName(REGION_OF[continent], index));

/** Returns a key, a user or a product, by which clients of a continent come to a shard. */
function keyOf(continent: Continent, index: number, prefix: string): string {
  const region = REGION_OF[continent];
  const plan = { decidedAt: 1, shards: { [region]: PER_REGION } };
  for (let n = 0; ; n++) if (shardOrder(plan, region, `${prefix}-${n}`)[0] === index) return `${prefix}-${n}`;
}

/** Opens one socket at each shard, or as many at the root; with a product of its own each, or none. */
async function seat(continents: readonly Continent[], isFiltered: boolean): Promise<string[]> {
  const places = continents.flatMap((continent) => shardsOf(continent).map((_, index) => ({ continent, index })));
  const products: string[] = [];
  for (const { continent, index } of places) {
    const product = keyOf(continent, index, `product-${continent}-${index}`);
    const user = keyOf(continent, index, "user");
    const { socket } = await listenFrom({ continent, user, speaksV1: true, products: isFiltered ? [product] : [] });
    open.push(socket);
    products.push(product);
  }
  return products;
}

/** Opens sockets of clients of all products at the first shard of Europe. */
async function seatAt(count: number): Promise<void> {
  for (let n = 0; n < count; n++) open.push((await listenFrom({ user: `user-${n}-of-${count}` })).socket);
}

/**
 * Counts calls between objects from now on: pushes, and a shard's calls of the root and of the registry. Those keep it
 * awake while they wait to be sent together.
 */
function countCalls(): () => { pushes: number; joins: number; counts: number; shardReports: number } {
  const take = vi.spyOn(ProductsShard.prototype, "take");
  const join = vi.spyOn(ProductsChannel.prototype, "join");
  const report = vi.spyOn(ProductsChannel.prototype, "report");
  const registry = vi.spyOn(ChannelRegistry.prototype, "report");
  return () => ({
    pushes: take.mock.calls.length,
    joins: join.mock.calls.length,
    counts: report.mock.calls.length,
    shardReports: registry.mock.calls.filter(([name]) => parseShardName(name) !== null).length,
  });
}

let isHeadPrinted = false;
/** Prints a row of the table, the first one with its head. */
function printRow(row: Record<string, string | number>): void {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const columns = Object.keys(row);
  const cells = columns.map((column) => String(row[column]).padStart(column.length));
  const head = [`per ${EVENTS} events`, line(columns), line(columns.map((column) => "-".repeat(column.length)))];
  console.log([...(isHeadPrinted ? [] : head), line(cells)].join("\n"));
  isHeadPrinted = true;
}

const stock = (product: string, n: number) => ({
  type: "inventory_updated",
  data: { product_id: product, new_quantity: n },
});

describe.each([
  { shards: 0, continents: CONTINENTS.slice(0, 1) },
  { shards: 4, continents: CONTINENTS.slice(0, 1) },
  { shards: 16, continents: CONTINENTS },
])(`${EVENTS} events at $shards shards cost what the bill assumes:`, ({ shards, continents }) => {
  test.each([
    { wants: "all", isFiltered: false },
    { wants: "a product each", isFiltered: true },
  ])("the listeners want $wants", { timeout: 60_000 }, async ({ wants, isFiltered }) => {
    const awake = new AwakeTimes();
    await setShards(shards === 0 ? 0 : PER_REGION);
    const wanted = await seat(continents, isFiltered);
    // The first event creates the tables, and fills the history's first chunk.
    await publish("products", { type: "product_updated", data: { product_id: "first" } });
    const before = await productsObject().usage();
    await awake.start();
    const registry = vi.spyOn(ChannelRegistry.prototype, "report");
    const started = performance.now();
    for (let n = 0; n < EVENTS; n += EVENTS_PER_CALL) {
      const product = (i: number) => (i % 10 === 0 ? (wanted[(i / 10) % wanted.length] ?? "") : `other-${i % 90}`);
      const events = Array.from({ length: EVENTS_PER_CALL }, (_, i) => ({
        channel: "products",
        ...stock(product(n + i), n + i),
      }));
      await serviceRequest("POST", "/api/v1/publish/batch", { events });
    }
    const seconds = (performance.now() - started) / 1000;
    const { seq } = await publish("products", { type: "product_updated", data: { product_id: wanted[0] ?? "" } });
    for (const socket of isFiltered ? open.slice(0, 1) : open)
      await eventually(() => expect(lastSeq(socket)).toBe(seq));
    await awake.settle();
    const root = awake.of("products");
    const { deliver: publishes = 0, ...otherCalls } = root.calls;
    const ofShards = shards === 0 ? [] : continents.flatMap(shardsOf).map((name) => awake.of(name));
    const pushes = ofShards.reduce((sum, { calls }) => sum + (calls.take ?? 0), 0);
    const shardsMs = ofShards.map(({ milliseconds }) => milliseconds);
    const after = await productsObject().usage();
    const rows = (after.rowsWritten - before.rowsWritten) / (EVENTS + 1);
    const alarms = after.alarmsSet - before.alarmsSet;
    printRow({
      shards,
      "the listeners want": wants,
      "rows an event": rows.toFixed(2),
      "publish calls": publishes,
      pushes,
      reports: registry.mock.calls.length,
      alarms,
      "seconds of publishing": seconds.toFixed(1),
      "root awake, ms": root.milliseconds.toFixed(0),
      "shards awake, ms": shardsMs.reduce((sum, ms) => sum + ms, 0).toFixed(0),
      "longest, ms": Math.max(0, ...shardsMs).toFixed(0),
    });
    expect(rows).toBeLessThanOrEqual(COUNTS.rowsPerEvent + 2 / COUNTS.eventsPerChunk);
    expect(alarms).toBeLessThanOrEqual(MAX_ALARMS);
    expect(publishes).toBe(EVENTS / EVENTS_PER_CALL + 1);
    // No shard joins or reports, and no client is connected.
    expect(otherCalls).toEqual({});
    expect(pushes).toBeLessThanOrEqual(shards * ((seconds * 1000) / PUSH_INTERVAL_MS + 2));
    expect(registry.mock.calls.filter(([name]) => name !== "products")).toEqual([]);
    // A shard is awake while it takes a push, and at no other time: it holds no timer and leaves nothing for later.
    for (const { calls, timers, background } of ofShards) {
      expect({ ...calls, take: 0, timers, background }).toEqual({ take: 0, timers: 0, background: 0 });
    }
    // The root waits for pushes, for what it sends its own listeners together, and for a report; then it rests.
    const atMostEvery = (ms: number) => (seconds * 1000) / ms + 2;
    const otherTimers = atMostEvery(PUSH_INTERVAL_MS) + atMostEvery(COUNTS.reportIntervalSeconds * 1000);
    expect(root.timers).toBeGreaterThan(0);
    expect(root.timers).toBeLessThanOrEqual(TIMERS_PER_PUSH * pushes + otherTimers);
    for (const name of continents.flatMap((continent) => shardsOf(continent))) {
      expect(await tablesOf(name)).toEqual([]);
    }
  });
});

test("a shard is not called for events that none of its listeners wants, also after the root has slept", async () => {
  await setShards(PER_REGION);
  const [wanted = ""] = await seat(["EU"], true);
  await evict(productsObject());
  const take = vi.spyOn(ProductsShard.prototype, "take");
  /** Publishes unwanted events and a wanted one. Returns how many pushes there were when that has arrived. */
  const pushesFor = async (unwanted: number): Promise<number> => {
    take.mockClear();
    for (let n = 0; n < unwanted; n++) await publish("products", stock(`unwanted-${n}`, n));
    const { seq } = await publish("products", stock(wanted, 0));
    await eventually(() => expect(lastSeq(open[0])).toBe(seq));
    return take.mock.calls.length;
  };
  // The first event goes to every shard, whose answers tell the root what each needs.
  await pushesFor(0);
  await eventually(() => expect(take.mock.calls.length).toBeGreaterThanOrEqual(PER_REGION));
  await eventually(async () => expect(await pushesFor(0)).toBe(1));
  expect(await pushesFor(20)).toBe(1);
});

test("the root counts what its shards send", async () => {
  await setShards(PER_REGION);
  await seat(["EU"], false);
  const deliveries = async () => {
    const samples = parseMetrics(await (await serviceRequest("GET", "/metrics")).text());
    return metricValue(samples, "tidings_deliveries_total", { kind: "products" });
  };
  const before = await deliveries();
  await publish("products", stock("counted", 0));
  await eventually(async () => expect(await deliveries()).toBe(before + PER_REGION));
});

test("[promise 6] 16 shards with nothing to do are not called, set no alarm and hold no timer", async () => {
  await setShards(PER_REGION);
  const products = await seat(CONTINENTS, true);
  stopClock();
  for (const [n, product] of products.entries()) await publish("products", stock(product, n));
  for (const socket of open) await eventually(() => expect(lastSeq(socket)).toBeDefined());
  const objects = [productsObject(), ...CONTINENTS.flatMap(shardsOf).map((name) => env.PRODUCTS_SHARD.getByName(name))];
  let alarms = 0;
  for (;;) {
    const times = await Promise.all(objects.map(alarmOf));
    const next = Math.min(...times);
    // Only those of the listeners' tokens and of the history's end are left.
    if (next > Date.now() + QUIET_MS) break;
    alarms++;
    vi.setSystemTime(Math.max(next, Date.now()));
    await runDurableObjectAlarm(asObject(objects[times.indexOf(next)]));
  }
  const calls = countCalls();
  const wait = vi.spyOn(scheduler, "wait");
  advanceClock(QUIET_MS);
  await new Promise((resolve) => setTimeout(resolve, REAL_QUIET_MS));
  console.log(`16 shards were quiet after ${alarms} alarms`);
  expect(alarms).toBeLessThanOrEqual(MAX_ALARMS);
  expect(calls()).toEqual({ pushes: 0, joins: 0, counts: 0, shardReports: 0 });
  expect(wait).not.toHaveBeenCalled();
});

test("[promise 6] a shard whose listeners come and go reports a few times at once, and then with what happens next", async () => {
  await setShards(1);
  const shard = env.PRODUCTS_SHARD.getByName(shardName("weur", 0));
  await seatAt(1);
  stopClock();
  const calls = countCalls();
  await seatAt(LISTENERS);
  const registered = () => serviceHealth().then(({ total_connections }) => total_connections);
  const { shardReports, counts } = calls();
  expect(shardReports).toBeGreaterThan(0);
  expect(shardReports).toBeLessThanOrEqual(MAX_REPORTS_AT_ONCE);
  expect(counts).toBeLessThanOrEqual(shardReports);
  // The root learns the number from the answer to a push, and a report is not due yet.
  await publish("products", stock("p", 0));
  await eventually(() => expect(lastSeq(open.at(-1))).toBeDefined());
  await eventually(async () => expect((await publish("products", stock("p", 1))).receivers).toBe(1 + LISTENERS));
  expect(calls().counts).toBe(counts);
  expect(await registered()).toBeLessThan(1 + LISTENERS);
  // Two seconds later, a push is followed by a report; the alarm would bring it within a minute.
  expect(await alarmOf(shard)).toBeLessThanOrEqual(Date.now() + 60_000);
  advanceClock(2000);
  await publish("products", stock("p", 2));
  await eventually(async () => expect(await registered()).toBe(1 + LISTENERS));
  expect(calls().counts).toBe(counts);
});

/** When an object's alarm is due, in milliseconds since 1970; Infinity for never. */
const alarmOf = (object: unknown): Promise<number> =>
  runInDurableObject(
    asObject(object),
    async (_, { storage }) => (await storage.getAlarm()) ?? Number.POSITIVE_INFINITY,
  );

const lastSeqs = new WeakMap<TestSocket, number>();
/** Takes what a socket has received, and returns the last `seq` so far. */
function lastSeq(socket: TestSocket | undefined): number | undefined {
  if (!socket) return undefined;
  for (const text of socket.drain()) {
    const seq = [JSON.parse(text)].flat().at(-1)?.seq;
    if (typeof seq === "number") lastSeqs.set(socket, seq);
  }
  return lastSeqs.get(socket);
}

/** A shard stores nothing. */
const tablesOf = (name: ShardName) =>
  runInDurableObject(asObject(env.PRODUCTS_SHARD.getByName(name)), (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'").toArray(),
  );

const asObject = (stub: unknown) => stub as DurableObjectStub<undefined>;
