import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../../src/config/config.ts";
import { isOriginAllowed } from "../../../src/edge/auth/origins.ts";

/** A wildcard allows the pages whose host is one label below its own, and no text that only looks like one. */

const result = readConfig({
  JWT_SECRET: "s".repeat(32),
  PUBLISH_KEYS: `shop:${"k".repeat(32)}`,
  BACKEND_CORS_ORIGINS: "https://*.shop.example",
});
if (!result.ok) throw new Error("the settings are valid");

/** What a page's address says of its host. */
function isOneLabelBelow(origin: string): boolean {
  const url = URL.parse(origin);
  if (url?.protocol !== "https:" || url.origin !== origin.toLowerCase()) return false;
  const [label, ...parent] = url.host.split(".");
  return label !== "" && parent.join(".") === "shop.example";
}

const label = fc.constantFrom("a", "Preview-1", "evil", "shop", "example");

/** Texts made of the pieces that attacks are made of; many are no origins. */
const origins = fc
  .tuple(
    fc.constantFrom("https://", "http://", "https:", "capacitor://", "HTTPS://", ""),
    // Often a single label, so that some origins are allowed in every run.
    fc.oneof(
      fc.array(label, { minLength: 1, maxLength: 1 }),
      fc.array(fc.oneof(label, fc.constantFrom("shop.example", ".", "..", "@", "#", "/"))),
    ),
    fc.constantFrom(".shop.example", "shop.example", ".shop.example.evil", ".SHOP.example", ""),
    fc.constantFrom("", "", ":443", ":8443", "/", "#", " "),
  )
  .map(([scheme, labels, end, port]) => `${scheme}${labels.join("")}${end}${port}`);

const propertyOf = (isAllowed: (origin: string) => boolean) =>
  fc.property(origins, (origin) => isAllowed(origin) === isOneLabelBelow(origin));
const RUNS = { numRuns: 5000 };

test("a wildcard allows exactly the hosts one label below it", () => {
  const isAllowed = (origin: string) => isOriginAllowed(origin, "https://tidings.invalid/", result.config);
  fc.assert(propertyOf(isAllowed), RUNS);
  expect(fc.sample(origins, RUNS).filter(isOneLabelBelow).length).toBeGreaterThan(10);
});

describe("the property fails with a seeded bug:", () => {
  const bugs: Record<string, (origin: string) => boolean> = {
    "the end alone is compared": (origin) => origin.toLowerCase().endsWith(".shop.example"),
    "a label may contain dots": (origin) => /^https:\/\/[a-z0-9.-]+\.shop\.example$/i.test(origin),
    "a label may be empty": (origin) => /^https:\/\/[a-z0-9-]*\.shop\.example$/i.test(origin),
    "the dot is not escaped": (origin) => /^https:\/\/[a-z0-9-]+.shop.example$/i.test(origin),
    "the end is not anchored": (origin) => /^https:\/\/[a-z0-9-]+\.shop\.example/i.test(origin),
  };
  for (const [name, isAllowed] of Object.entries(bugs)) {
    test(name, () => expect(fc.check(propertyOf(isAllowed), RUNS).failed).toBe(true));
  }
});
