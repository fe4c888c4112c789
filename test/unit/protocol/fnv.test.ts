import { expect, test } from "vitest";
import { fnv1a } from "../../../src/protocol/fnv.ts";

test.each([
  ["", 2_166_136_261],
  ["products", 1_337_911_437],
  ["order_123e4567-e89b-12d3-a456-426614174000", 652_129_842],
  ["grün 🚚", 1_109_294_457],
])("the hash of %j stays as it is stored", (text, hash) => expect(fnv1a(text)).toBe(hash));
