import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { toDeadLetter } from "../../../src/ingress/redis/dead-letter.ts";
import { RelayStore } from "../../../src/ingress/redis/relay-store.ts";
import type { AcceptedEvent } from "../../../src/protocol/publish.ts";
import { MemoryStorage } from "../../support/object-storage.ts";

/** As versions have stored it from the first one on. */
const STORED = {
  id: "5-0",
  added: 3,
  syncToken: "token",
  nextRow: 8,
  untrimmed: 2,
  gaps: 1,
  deadLetters: 4,
  untoldGapAt: 1700,
};
const CHANNEL = "order_123e4567-e89b-12d3-a456-426614174000";

const event = (id: string): AcceptedEvent => ({
  channel: CHANNEL,
  id,
  type: "order_shipped",
  data: "{}",
  version: null,
  request: null,
  status: null,
  productId: null,
  order: null,
  statusChange: { status: "shipped" },
  acceptedAt: 1700,
});

let faults: string[];
beforeEach(() => {
  faults = [];
  vi.spyOn(console, "error").mockImplementation((line) => faults.push(JSON.parse(line).where));
});
afterEach(() => vi.restoreAllMocks());

function storeWith(stored: unknown): { storage: MemoryStorage; store: RelayStore } {
  const storage = new MemoryStorage();
  if (stored !== undefined) storage.kv.put("state", stored);
  return { storage, store: new RelayStore(storage.asStorage) };
}

describe("the relay's state", () => {
  test("keeps its stored form, so another version can read it", () => {
    const { storage, store } = storeWith(STORED);
    expect(store.state).toMatchObject({ cursor: "5-0", entriesAdded: 3, pendingGapAt: 1700, deadLetters: 4 });
    store.update({ cursor: "6-0", pendingGapAt: null });
    expect(storage.kv.get("state")).toMatchObject({ ...STORED, id: "6-0", untoldGapAt: null });
  });

  test("of the version before is read in full: no fresh start, and no row number is used twice", () => {
    const { storage, store } = storeWith(STORED);
    expect(store.state).toEqual({
      cursor: "5-0",
      cursorKey: null,
      entriesAdded: 3,
      syncToken: "token",
      nextRow: 8,
      untrimmed: 2,
      trimmedAt: 0,
      gaps: 1,
      deadLetters: 4,
      pendingGapAt: 1700,
    });
    store.append([event("a")], [], { cursor: "6-0" }, ["6-0=x.1"]);
    expect(storage.sql.exec("SELECT row FROM outbox").toArray()).toEqual([{ row: 8 }]);
    expect(new RelayStore(storage.asStorage).memory.has("6-0=x.1")).toBe(true);
    expect(faults).toEqual([]);
  });

  test("ignores the key of another entry than the last one, which a rollback leaves behind", () => {
    const { storage, store } = storeWith(STORED);
    store.append([], [], { cursor: "6-0", cursorKey: "6-0=x.1" }, ["6-0=x.1"]);
    const stored = z.record(z.string(), z.unknown()).parse(storage.kv.get("state"));
    expect(new RelayStore(storage.asStorage).state.cursorKey).toBe("6-0=x.1");
    storage.kv.put("state", { ...stored, id: "7-0" });
    expect(new RelayStore(storage.asStorage).state).toMatchObject({ cursor: "7-0", cursorKey: null });
  });

  test("remembers every entry read since the trim before last, and a read rewrites only the recent ones", () => {
    const { storage, store } = storeWith({ ...STORED, read: { before: "1-0=x.1", sinceTrim: "2-0=x.1" } });
    const keys = Array.from({ length: 300 }, (_, n) => `${n + 10}-0=x.1`);
    let current = store;
    for (const [n, key] of keys.entries()) {
      current.append([], [], { cursor: `${n + 10}-0` }, [key]);
      expect(JSON.stringify(storage.kv.get("state")).length).toBeLessThan(2000);
      if (n === 150) current.trimmed("10000-0", {});
      if (n % 40 === 0) current = new RelayStore(storage.asStorage);
    }
    const remembered = ["1-0=x.1", "2-0=x.1", ...keys].map((key) => current.memory.has(key));
    expect(remembered).toEqual([false, ...keys.map(() => true), true]);
    current.trimmed("10000-0", {});
    const next = new RelayStore(storage.asStorage);
    expect([keys[150], keys[151]].map((key) => next.memory.has(String(key)))).toEqual([false, true]);
  });

  test("keeps the fields of a later version when it is rewritten", () => {
    const { storage, store } = storeWith({ ...STORED, later: { a: 1 } });
    store.update({ cursor: "6-0" });
    expect(storage.kv.get("state")).toMatchObject({ id: "6-0", later: { a: 1 } });
  });

  test("that is missing is a start at the beginning of the stream", () => {
    expect(storeWith(undefined).store.state).toMatchObject({ cursor: "0-0", entriesAdded: null, pendingGapAt: null });
    expect(faults).toEqual([]);
  });

  test("that cannot be read is a fault: the stream is read from its start, in a new epoch, and rows stay apart", () => {
    for (const stored of ["unreadable", { ...STORED, id: "not an id" }, { ...STORED, gaps: "many" }]) {
      const { storage, store } = storeWith(STORED);
      store.append([event("a")], [], { cursor: "6-0" });
      storage.kv.put("state", stored);
      const next = new RelayStore(storage.asStorage);
      expect(faults.splice(0)).toEqual(["relay_state"]);
      expect(next.state).toMatchObject({ cursor: "0-0", nextRow: 9, gaps: 1 });
      expect(next.state.pendingGapAt).toBeGreaterThan(1700);
      next.append([event("b")], [], { cursor: "7-0" });
      expect(storage.sql.exec("SELECT row FROM outbox ORDER BY row").toArray()).toEqual([{ row: 8 }, { row: 9 }]);
    }
  });
});

describe("a stored row that cannot be read", () => {
  test("becomes a dead letter, and the rows after it are delivered", () => {
    const { storage, store } = storeWith(STORED);
    for (const text of ["{broken", "[]", '[{"id":1}]']) {
      storage.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", CHANNEL, store.state.nextRow, text);
      store.update({ nextRow: store.state.nextRow + 1 });
    }
    store.append([event("a")], [], {});
    expect(store.oldestRow(CHANNEL)?.events.map(({ id }) => id)).toEqual(["a"]);
    const letters = store.deadLetters.oldest(100);
    expect(letters.map(({ code }) => code)).toEqual(["unreadable_row", "unreadable_row", "unreadable_row"]);
    expect(letters[0]?.entry.fields).toEqual([
      ["channel", CHANNEL],
      ["stored", "{broken"],
    ]);
    expect(faults).toHaveLength(3);
  });

  test("does not stop the metrics", () => {
    const { storage, store } = storeWith(STORED);
    storage.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", CHANNEL, 1, "{broken");
    store.append([event("a")], [], {});
    expect(store.backlog).toEqual({ events: 1, since: 1700 });
  });

  test("of the dead letters becomes one with what was stored, and one of the first version keeps its reason", () => {
    const { storage, store } = storeWith(STORED);
    storage.sql.exec("INSERT INTO dead VALUES (?, ?)", 1, "{broken");
    const first = { entry: { id: "1-1", fields: [["channel", "x"]] }, reason: "lacks type" };
    storage.sql.exec("INSERT INTO dead VALUES (?, ?)", 2, JSON.stringify(first));
    expect(store.deadLetters.oldest(100)).toMatchObject([
      { row: 1, code: "unreadable_row", entry: { fields: [["stored", "{broken"]] } },
      { row: 2, ...first, code: "not_an_event" },
    ]);
  });
});

test("dead letters are loaded a few megabytes at a time, in order", () => {
  const { store } = storeWith(undefined);
  const ids = Array.from({ length: 20 }, (_, i) => `${i}-1`);
  const letters = ids.map((id) =>
    toDeadLetter({ id, fields: [["data", "x".repeat(500_000)]] }, "not_an_event", "lacks type"),
  );
  store.append([], letters, {});
  const loaded: string[] = [];
  while (!store.deadLetters.isEmpty()) {
    const page = store.deadLetters.oldest(100);
    expect(page.length).toBeLessThan(10);
    loaded.push(...page.map(({ entry }) => entry.id));
    store.removeDeadLetters(page.map(({ row }) => row));
  }
  expect(loaded).toEqual(ids);
  expect(store.state.deadLetters).toBe(20);
});

test("no more dead letters are loaded than asked for, the oldest ones", () => {
  const { store } = storeWith(undefined);
  const letters = ["1-1", "2-1", "3-1"].map((id) => toDeadLetter({ id, fields: [] }, "not_an_event", "lacks type"));
  store.append([], letters, {});
  expect(store.deadLetters.oldest(2).map(({ entry }) => entry.id)).toEqual(["1-1", "2-1"]);
});

test("an event that the first version stored without its time counts from now", () => {
  const { storage, store } = storeWith(STORED);
  const { acceptedAt: _, ...first } = event("a");
  storage.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", CHANNEL, 1, JSON.stringify([first]));
  expect(store.oldestRow(CHANNEL)?.events[0]).toMatchObject({ id: "a", acceptedAt: expect.any(Number) });
});
