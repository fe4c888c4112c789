import { join } from "node:path";
import { expect, test } from "vitest";
import { unstable_readConfig as readWranglerConfig } from "wrangler";
import { RATE_LIMITS } from "../../src/protocol/limits.ts";
import { DOCUMENTS, ROOT, read } from "../support/documents.ts";
import { TABLE_NAMES, tablesIn, withTables } from "../support/manual-tables.ts";

test.each(DOCUMENTS)("the tables of %s match the source; `npm run docs` updates them", (path) => {
  expect(withTables(read(path))).toBe(read(path));
});

test("every generated table is shown once", () => {
  expect(DOCUMENTS.flatMap((path) => tablesIn(read(path))).sort()).toEqual(TABLE_NAMES.sort());
});

test("the rate limits in wrangler.toml match the documents", () => {
  // The types of wrangler's reader come from a package that wrangler does not install.
  const { ratelimits }: { ratelimits: { name: string; simple: { limit: number; period: number } }[] } =
    readWranglerConfig({ config: join(ROOT, "wrangler.toml") });
  const bound = Object.fromEntries(ratelimits.map(({ name, simple }) => [name, simple]));
  const documented = Object.entries(RATE_LIMITS).map(([name, { limit, periodSeconds }]) => [
    name,
    { limit, period: periodSeconds },
  ]);
  expect(bound).toEqual(Object.fromEntries(documented));
});
