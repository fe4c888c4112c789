import { describe, expect, test } from "vitest";
import { regionOf, shardOrder } from "../../../src/edge/placement.ts";

const plan = (weur: number) => ({ decidedAt: 1, shards: { weur } });
const keys = Array.from({ length: 10_000 }, (_, i) => `product-${i}`);

describe("a client's region", () => {
  test.each([
    ["San Francisco", "NA", "-122.42", "37.77", "wnam"],
    ["Denver", "NA", "-104.99", "39.74", "wnam"],
    ["New York", "NA", "-74.01", "40.71", "enam"],
    ["Mexico City", "NA", "-99.13", "19.43", "enam"],
    ["São Paulo", "SA", "-46.63", "-23.55", "sam"],
    ["Lisbon", "EU", "-9.14", "38.72", "weur"],
    ["Berlin", "EU", "13.40", "52.52", "weur"],
    ["Warsaw", "EU", "21.01", "52.23", "eeur"],
    ["Istanbul", "AS", "28.98", "41.01", "me"],
    ["Dubai", "AS", "55.27", "25.20", "me"],
    ["Delhi", "AS", "77.21", "28.61", "apac"],
    ["Bengaluru", "AS", "77.59", "12.97", "apac"],
    ["Singapore", "AS", "103.82", "1.35", "apac-se"],
    ["Manila", "AS", "120.98", "14.60", "apac-se"],
    ["Tokyo", "AS", "139.69", "35.69", "apac-ne"],
    ["Sydney", "OC", "151.21", "-33.87", "oc"],
    ["Antarctica", "AN", "166.67", "-77.85", "oc"],
    ["Lagos", "AF", "3.38", "6.52", "afr"],
  ])("of %s", (_, continent, longitude, latitude, region) => {
    expect(regionOf({ continent, longitude, latitude }, undefined)).toBe(region);
  });

  test.each([
    [{ continent: "NA" }, "enam"],
    [{ continent: "EU" }, "weur"],
    [{ continent: "AS" }, "apac"],
    [{ continent: "NA", longitude: "unknown" }, "enam"],
    [{ continent: "T1" }, "enam"],
    [{}, "enam"],
    [undefined, "enam"],
    [null, "enam"],
  ])("of %o is a guess", (cf, region) => expect(regionOf(cf, undefined)).toBe(region));

  test("is in the European Union with JURISDICTION=eu", () => {
    for (const continent of ["NA", "SA", "AF", "OC", "AN", "T1", undefined]) {
      expect(regionOf({ continent }, "eu")).toBe("weur");
    }
    expect(regionOf({ continent: "EU", longitude: "2" }, "eu")).toBe("weur");
    expect(regionOf({ continent: "EU", longitude: "21" }, "eu")).toBe("eeur");
    expect(regionOf({ continent: "AS", longitude: "55" }, "eu")).toBe("eeur");
  });
});

describe("the order of shards", () => {
  test("has every shard of the region once, and is the same for the same key", () => {
    for (const key of ["a", "b", "42", "ключ", ""]) {
      const order = shardOrder(plan(7), "weur", key);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(shardOrder(plan(7), "weur", key)).toEqual(order);
    }
  });

  test("is empty where the plan has no shards", () => {
    expect(shardOrder(plan(7), "enam", "a")).toEqual([]);
    expect(shardOrder({ decidedAt: 0, shards: {} }, "weur", "a")).toEqual([]);
  });

  test("gives every shard about as many keys, and those of a full shard to all others", () => {
    const first = new Array<number>(8).fill(0);
    const second = new Array<number>(8).fill(0);
    for (const key of keys) {
      const [one = 0, two = 0] = shardOrder(plan(8), "weur", key);
      first[one] = (first[one] ?? 0) + 1;
      if (one === 3) second[two] = (second[two] ?? 0) + 1;
    }
    for (const count of first) expect(count / (keys.length / 8)).toBeCloseTo(1, 0);
    expect(second.filter((count) => count > 0)).toHaveLength(7);
    expect(Math.max(...second)).toBeLessThan(2 * (keys.length / 8 / 7));
  });

  test.each(["user-", "10", ""])("spreads a few consecutive keys as well: %s1, %s2 …", (prefix) => {
    const firsts = Array.from({ length: 100 }, (_, i) => shardOrder(plan(4), "weur", `${prefix}${i}`)[0]);
    for (const shard of [0, 1, 2, 3]) {
      expect(Math.abs(firsts.filter((first) => first === shard).length - 25)).toBeLessThan(15);
    }
  });

  test("moves few keys when a shard is added", () => {
    const moved = keys.filter((key) => shardOrder(plan(8), "weur", key)[0] !== shardOrder(plan(9), "weur", key)[0]);
    expect(moved.length / keys.length).toBeLessThan(0.2);
    expect(moved.every((key) => shardOrder(plan(9), "weur", key)[0] === 8)).toBe(true);
  });
});
