import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { RedisClient } from "../../src/ingress/redis/client.ts";
import { RelayStore } from "../../src/ingress/redis/relay-store.ts";
import { StreamReader } from "../../src/ingress/redis/stream-reader.ts";
import { catalogueWith } from "../../src/protocol/catalogue.ts";
import { listenAt, type NodeListener, registerOrderAt } from "../support/node-client.ts";
import { MemoryStorage } from "../support/object-storage.ts";
import { hasRedis, type RedisServer } from "../support/redis.ts";
import {
  addEntry,
  deadLetters,
  type FaultyRedisService,
  STREAM,
  startFaultyRedisService,
} from "../support/redis-service.ts";
import { setUpRedisWithBridge } from "../support/redis-with-bridge.ts";

/** Promise 4 across failovers: what was delivered is not applied again, and what is new is, whatever its entry's id. */

const PATIENCE = { timeout: 30_000, interval: 50 };

/** Keeps the stream as a replica has it that is a little behind. */
const save = (redis: RedisServer) =>
  redis.cli("EVAL", "return redis.call('SET', 'saved', redis.call('DUMP', KEYS[1]))", "1", STREAM);
/** What a failover to that replica does, at once. */
const setBack = (redis: RedisServer) =>
  redis.cli("EVAL", "return redis.call('RESTORE', KEYS[1], 0, redis.call('GET', 'saved'), 'REPLACE')", "1", STREAM);

describe.skipIf(!hasRedis("failovers of Redis"))("[promise 4] after a failover that has set the stream back", () => {
  let all: FaultyRedisService;
  let order: string;
  let listener: NodeListener;
  /** The time in the ids that a test chooses itself: ahead, because ids only grow. */
  let time = Date.now() + 60_000;

  beforeAll(async () => {
    all = await startFaultyRedisService();
  });
  afterAll(() => all.stop());
  beforeEach(async () => {
    time += 1000;
    order = await registerOrderAt(all.service.url);
    listener = await listenAt(all.service.url, `orders/${order}`);
    return () => listener.close();
  });

  /** Adds an entry with its number as its content, under an id whose second part is given. */
  const add = (id: number, n: number) =>
    addEntry(all.redis, `${time}-${id}`, {
      channel: `order_${order}`,
      type: "order_shipped",
      data: JSON.stringify({ n }),
    });
  const ring = () => all.redis.cli("PUBLISH", "tidings:doorbell", "1");
  const numbers = () => listener.frames.map(({ data }) => data.n);
  const expectNumbers = async (expected: number[]) => {
    await ring();
    await listener.receive(expected.length);
    // What comes twice comes soon.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(numbers()).toEqual(expected);
  };
  const expectNewEpoch = () => vi.waitFor(() => expect(listener.again).toHaveLength(1), PATIENCE);

  test("delivered entries are not applied again, and the order does not go back", async () => {
    for (const n of [1, 2, 3]) await add(n, n);
    await expectNumbers([1, 2, 3]);
    await save(all.redis);
    await add(4, 4);
    await expectNumbers([1, 2, 3, 4]);
    await setBack(all.redis);
    await ring();
    await expectNewEpoch();
    await add(5, 5);
    await expectNumbers([1, 2, 3, 4, 5]);
    expect(listener.again).toHaveLength(1);
  });

  test("new entries are applied under ids older than the last one, and under equal ids", async () => {
    for (const n of [1, 2]) await add(n * 10, n);
    await save(all.redis);
    for (const n of [3, 4, 5]) await add(n * 10, n);
    await expectNumbers([1, 2, 3, 4, 5]);
    await setBack(all.redis);
    // 25: an id that was never used. 30: that of an entry with another content. 40: that very entry again.
    await add(25, 100);
    await add(30, 101);
    await add(40, 4);
    await add(45, 102);
    await expectNumbers([1, 2, 3, 4, 5, 100, 101, 102]);
    await expectNewEpoch();
    expect(await deadLetters(all.redis)).toEqual([]);
  });

  test("a new entry under the id of the last one that was read is noticed and applied", async () => {
    await add(1, 1);
    await save(all.redis);
    await add(2, 2);
    await expectNumbers([1, 2]);
    await setBack(all.redis);
    await add(2, 100);
    await add(3, 101);
    await expectNumbers([1, 2, 100, 101]);
    await expectNewEpoch();
  });

  test("entries that were no events do not become dead letters twice", async () => {
    await add(1, 1);
    await save(all.redis);
    await addEntry(all.redis, `${time}-2`, { hello: "world" });
    await save(all.redis);
    await add(3, 3);
    await expectNumbers([1, 3]);
    await vi.waitFor(async () => expect(await deadLetters(all.redis)).toHaveLength(1), PATIENCE);
    await setBack(all.redis);
    await add(4, 4);
    await expectNumbers([1, 3, 4]);
    expect(await deadLetters(all.redis)).toHaveLength(1);
  });

  test("a second failover, to the same replica, changes nothing", async () => {
    await add(1, 1);
    await save(all.redis);
    await add(2, 2);
    await expectNumbers([1, 2]);
    for (const n of [3, 4]) {
      await setBack(all.redis);
      await add(n, n);
      await expectNumbers([1, 2, 3, 4].slice(0, n));
    }
  });

  describe("or entries were deleted", () => {
    test("by XDEL after they were delivered, there is no gap", async () => {
      for (const n of [1, 2, 3]) await add(n, n);
      await expectNumbers([1, 2, 3]);
      await all.redis.cli("XDEL", STREAM, `${time}-3`);
      await ring();
      await add(4, 4);
      await expectNumbers([1, 2, 3, 4]);
      await all.redis.cli("XDEL", STREAM, `${time}-3`, `${time}-4`);
      await ring();
      await add(5, 5);
      await expectNumbers([1, 2, 3, 4, 5]);
      expect(listener.again).toEqual([]);
    });

    test("by XDEL of the last one and of an unread one, there is a gap", async () => {
      for (const n of [1, 2]) await add(n, n);
      await expectNumbers([1, 2]);
      all.proxy.fault = "500";
      for (const n of [3, 4]) await add(n, n);
      await all.redis.cli("XDEL", STREAM, `${time}-2`, `${time}-3`);
      all.proxy.fault = "none";
      await expectNumbers([1, 2, 4]);
      await expectNewEpoch();
    });

    test("by XTRIM beyond what was read, there is a gap", async () => {
      for (const n of [1, 2]) await add(n, n);
      await expectNumbers([1, 2]);
      all.proxy.fault = "500";
      for (const n of [3, 4]) await add(n, n);
      await all.redis.cli("XTRIM", STREAM, "MAXLEN", "1");
      all.proxy.fault = "none";
      await expectNumbers([1, 2, 4]);
      await expectNewEpoch();
    });

    test("with the stream, and it was made again, there is a gap, and new entries are applied", async () => {
      for (const n of [1, 2]) await add(n, n);
      await expectNumbers([1, 2]);
      await all.redis.cli("DEL", STREAM);
      await add(2, 100);
      await expectNumbers([1, 2, 100]);
      await expectNewEpoch();
    });

    test("with everything else in Redis, there is a gap, and new entries are applied", async () => {
      await add(1, 1);
      await expectNumbers([1]);
      await all.redis.cli("FLUSHALL");
      await ring();
      await expectNewEpoch();
      await add(1, 100);
      await expectNumbers([1, 100]);
    });
  });
});

describe.skipIf(!hasRedis("trims of a Redis stream"))("the reader", () => {
  const servers = setUpRedisWithBridge();
  afterAll(() => {
    vi.useRealTimers();
  });

  const add = (id: string) =>
    addEntry(servers.redis, id, { channel: "products", type: "product_deleted", data: '{"product_id":"p"}' });
  const newReader = () => {
    const store = new RelayStore(new MemoryStorage().asStorage);
    const client = new RedisClient({ url: servers.bridge.url, token: servers.bridge.token, stream: STREAM });
    return { store, client, reader: new StreamReader(client, store, STREAM, catalogueWith([])) };
  };
  /** The ids of the events that were read, in the order of reading. */
  const idsIn = (store: RelayStore) => {
    const ids: string[] = [];
    for (let row = store.oldestRow("products"); row; row = store.oldestRow("products")) {
      ids.push(...row.events.map(({ id }) => id));
      store.removeRow("products", row.row, []);
    }
    return ids;
  };
  const later = (ms: number) => vi.useFakeTimers({ now: Date.now() + ms, toFake: ["Date"] });

  test("trims within a minute, however little was read, and at once after 1,000 entries", async () => {
    const { reader } = newReader();
    const length = async () => Number(await servers.redis.cli("XLEN", STREAM));
    for (const id of ["1-1", "1-2"]) await add(id);
    await reader.read();
    await reader.trim();
    expect(await length()).toBe(1);
    await add("1-3");
    await reader.read();
    await reader.trim();
    expect(await length()).toBe(2);
    later(61_000);
    await reader.trim();
    expect(await length()).toBe(1);
    await servers.redis.cli(
      "EVAL",
      "for n = 4, 1500 do redis.call('XADD', KEYS[1], '1-' .. n, 'a', 'b') end",
      "1",
      STREAM,
    );
    while ((await reader.read()).hasMore);
    await reader.trim();
    expect(await length()).toBe(1);
  });

  test("removes nothing from a stream that a failover has set back since the read", async () => {
    const { reader } = newReader();
    const readIds = async () => (await servers.redis.cli("XRANGE", STREAM, "-", "+")).match(/^1-\d+$/gm);
    await add("1-1");
    await save(servers.redis);
    for (const id of ["1-3", "1-4"]) await add(id);
    await reader.read();
    await setBack(servers.redis);
    await add("1-2");
    expect(await reader.trim()).toBeNull();
    expect(await readIds()).toEqual(["1-1", "1-2"]);
    // Nor if another entry has the id of the last one that was read.
    await addEntry(servers.redis, "1-4", { another: "entry" });
    expect(await reader.trim()).toBeNull();
    expect(await readIds()).toEqual(["1-1", "1-2", "1-4"]);
    expect((await reader.read()).gap).toEqual({ kind: "recreated" });
  });

  test("remembers what it has read across one trim, and forgets it with the next", async () => {
    const { reader, store } = newReader();
    for (const id of ["1-1", "1-2", "1-3"]) {
      await add(id);
      await reader.read();
      later(61_000);
      await reader.trim();
    }
    // A replica that lags behind the last trim still has what the one before left, which is the last entry read.
    expect(["1-1", "1-2", "1-3"].filter((id) => store.memory.hasId(id))).toEqual(["1-2", "1-3"]);
    await add("1-4");
    await reader.read();
    expect(["1-3", "1-4"].filter((id) => store.memory.hasId(id))).toEqual(["1-3", "1-4"]);
  });

  test("reads no entry twice that a replica brings back which lags behind the last trim", async () => {
    const { reader, store } = newReader();
    await add("1-1");
    await reader.read();
    await reader.trim();
    await save(servers.redis);
    await add("1-2");
    await reader.read();
    later(61_000);
    await reader.trim();
    for (const id of ["1-2", "1-3"]) {
      await setBack(servers.redis);
      await add(id);
      while ((await reader.read()).hasMore);
    }
    later(61_000);
    await reader.trim();
    await setBack(servers.redis);
    while ((await reader.read()).hasMore);
    expect(idsIn(store)).toEqual(["1-1", "1-2", "1-3"]);
  });

  test("notices that a failover has replaced the stream when the last entry read has the id of one read earlier", async () => {
    const { reader, store } = newReader();
    for (const id of ["1-1", "1-2", "1-3"]) await add(id);
    await reader.read();
    await save(servers.redis);
    await servers.redis.cli("DEL", STREAM);
    await addEntry(servers.redis, "1-3", { another: "entry" });
    while ((await reader.read()).hasMore);
    await setBack(servers.redis);
    // The entry 1-3 that comes back was read, but not last: the reader has counted one entry up to the other one.
    expect((await reader.read()).gap).toEqual({ kind: "recreated" });
    while ((await reader.read()).hasMore);
    expect(store.state).toMatchObject({ cursor: "1-3", entriesAdded: 3 });
  });

  test("counts what is missing in one moment, whatever happens to the stream between two commands", async () => {
    for (let commands = 0; commands < 4; commands++) {
      await servers.redis.cli("FLUSHALL");
      const { reader, client } = newReader();
      await add("1-1");
      await reader.read();
      await servers.redis.cli("DEL", STREAM);
      for (const id of ["2-1", "2-2", "2-3"]) await add(id);
      const command = vi.spyOn(client, "command");
      // The publisher trims the stream before the reader's next command, or one of the three after it.
      let left = commands;
      command.mockImplementation(async (...words) => {
        if (left-- === 0) await servers.redis.cli("XTRIM", STREAM, "MAXLEN", "1");
        return RedisClient.prototype.command.apply(client, words);
      });
      while ((await reader.read()).hasMore);
      command.mockRestore();
      for (const id of ["2-4", "2-5", "2-6"]) await add(id);
      await servers.redis.cli("XTRIM", STREAM, "MAXLEN", "1");
      expect((await reader.read()).gap, `trimmed before command ${commands + 1}`).toEqual({ kind: "trimmed", lost: 2 });
    }
  });

  test("counts entries from the next trim on after a version that did not", async () => {
    const { reader, store } = newReader();
    for (const id of ["1-1", "1-2"]) await add(id);
    await reader.read();
    store.update({ entriesAdded: null, cursorKey: null });
    for (const id of ["1-3", "1-4"]) await add(id);
    expect((await reader.read()).gap).toBeNull();
    expect(await reader.trim()).toBeNull();
    expect(store.state).toMatchObject({ cursor: "1-4", entriesAdded: 4, gaps: 0 });
  });

  test("notices with the next trim that unread entries were deleted by XDEL, and counts them once", async () => {
    const { reader, store } = newReader();
    for (const id of ["1-1", "1-2", "1-3", "1-4"]) await add(id);
    await reader.read();
    expect(await reader.trim()).toBeNull();
    for (const id of ["1-5", "1-6", "1-7"]) await add(id);
    await servers.redis.cli("XDEL", STREAM, "1-5", "1-6");
    expect((await reader.read()).gap).toBeNull();
    later(61_000);
    expect(await reader.trim()).toEqual({ kind: "trimmed", lost: 2 });
    expect(store.state).toMatchObject({ gaps: 1, pendingGapAt: expect.any(Number) });
    await add("1-8");
    expect((await reader.read()).gap).toBeNull();
    later(61_000);
    expect(await reader.trim()).toBeNull();
    // The count is right again: deleting the last one, which was read, is no gap.
    await servers.redis.cli("XDEL", STREAM, "1-8");
    await add("1-9");
    expect((await reader.read()).gap).toBeNull();
  });

  test("notices entries that were trimmed before the first read of a stream that was created again", async () => {
    const { reader } = newReader();
    await add("1-1");
    await reader.read();
    await servers.redis.cli("FLUSHALL");
    expect((await reader.read()).gap).toEqual({ kind: "flushed" });
    for (const id of ["2-1", "2-2", "2-3"]) await add(id);
    await servers.redis.cli("XTRIM", STREAM, "MAXLEN", "1");
    expect((await reader.read()).gap).toEqual({ kind: "trimmed", lost: 2 });
    await add("2-4");
    expect((await reader.read()).gap).toBeNull();
  });

  test("keeps its row small: 1,000 entries between two trims take less than 100 KB of it", async () => {
    const { reader, store } = newReader();
    await servers.redis.cli(
      "EVAL",
      "for n = 1, 999 do redis.call('XADD', KEYS[1], '1763800000000-' .. n, 'a', 'b') end",
      "1",
      STREAM,
    );
    while ((await reader.read()).hasMore);
    const { before, sinceTrim } = store.memory.listWith([]);
    console.log(`999 entries are remembered in ${before.length + sinceTrim.length} bytes`);
    expect(before.length + sinceTrim.length).toBeLessThan(100_000);
  });
});
