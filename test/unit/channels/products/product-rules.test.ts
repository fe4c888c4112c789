import { describe, expect, test } from "vitest";
import { applyProductEvent } from "../../../../src/channels/products/product-rules.ts";

const NOW = 1000;
const event = (version: number | null, type: "inventory_updated" | "product_deleted" = "inventory_updated") => ({
  type,
  version,
});

describe("an event's version", () => {
  test.each([
    ["the first version of a product applies", null, 0, 0],
    ["a newer version applies", 3, 4, 4],
    ["the same version is stale", 3, 3, "stale"],
    ["an older version is stale", 3, 2, "stale"],
    ["an event without a version applies and leaves the product's version as it is", 3, null, 3],
    ["an event without a version applies to a product without one", null, null, null],
  ])("%s", (_, last, version, expected) => {
    const after = applyProductEvent({ version: last, goneAt: null }, event(version), NOW);
    expect(after === "stale" ? after : after.version).toBe(expected);
  });
});

describe("a deleted product", () => {
  const gone = { version: 5, goneAt: NOW };

  test("keeps its version, so that a late event stays stale", () => {
    expect(applyProductEvent({ version: 4, goneAt: null }, event(5, "product_deleted"), NOW)).toEqual(gone);
    expect(applyProductEvent(gone, event(4), NOW)).toBe("stale");
  });

  test("exists again with a newer event", () => {
    expect(applyProductEvent(gone, event(6), NOW)).toEqual({ version: 6, goneAt: null });
  });
});
