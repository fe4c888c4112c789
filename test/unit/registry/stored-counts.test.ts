import { expect, test } from "vitest";
import { type KnownCount, StoredCounts } from "../../../src/registry/stored-counts.ts";
import { MemoryStorage } from "../../support/object-storage.ts";

/** What registries store of their objects' listeners, across crashes. */

/** More changes than the shared row holds. */
const MANY = 6000;

test("an outdated count that a crash left in the shared row never returns", () => {
  const kv = new MemoryStorage().kv as unknown as SyncKvStorage;
  const first = new StoredCounts(kv);
  const count = (count: number, confirmedAt: number): KnownCount => ({ count, confirmedAt });
  for (const name of ["order_left", "order_grown"]) {
    first.put(name, count(1, 1));
    first.note(name, count(2, 2));
  }
  first.save();
  // The registry crashes before the next save.
  first.put("order_left", undefined);
  first.put("order_grown", count(3, 3));

  const second = new StoredCounts(kv);
  expect(second.load()).toEqual(new Map([["order_grown", count(3, 3)]]));
  for (let i = 0; i < MANY; i++) second.put(`order_${i}`, count(1, 4));
  for (let i = 0; i < MANY; i++) second.note(`order_${i}`, count(2, 5));
  second.save();

  const third = new StoredCounts(kv).load();
  expect(third.size).toBe(MANY + 1);
  expect(third.get("order_grown")).toEqual(count(3, 3));
  expect(third.get("order_0")).toEqual(count(2, 5));
});
