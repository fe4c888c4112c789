import { expect, test } from "vitest";
import { applyVersion } from "../../../../src/channels/products/product-rules.ts";

test.each([
  ["the first version of a product applies", null, 0, 0],
  ["a newer version applies", 3, 4, 4],
  ["the same version is stale", 3, 3, "stale"],
  ["an older version is stale", 3, 2, "stale"],
  ["an event without a version applies and leaves the product's version as it is", 3, null, 3],
  ["an event without a version applies to a product without one", null, null, null],
])("%s", (_, last, version, expected) => expect(applyVersion(last, version)).toBe(expected));
