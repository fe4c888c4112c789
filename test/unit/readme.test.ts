import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unstable_readConfig as readWranglerConfig } from "wrangler";
import { RATE_LIMITS } from "../../src/protocol/limits.ts";
import { anchorOf, README, withTables } from "../support/readme-tables.ts";

const readme = readFileSync(README, "utf8");
const root = join(import.meta.dirname, "../..");

describe("README.md", () => {
  test("has tables that match the source; `npm run docs` updates them", () => {
    expect(withTables(readme)).toBe(readme);
  });

  test("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(3);
    for (const name of named) expect(scripts).toHaveProperty([String(name)]);
  });

  test("names only files that exist", () => {
    for (const [, path] of readme.matchAll(/\]\(((?:src|test)\/[^)]+)\)/g)) {
      expect(() => readFileSync(join(root, String(path)))).not.toThrow("ENOENT");
    }
  });

  test("links only to headings that exist", () => {
    const anchors = [...readme.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(String(heading)));
    const linked = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(linked.length).toBeGreaterThan(3);
    for (const anchor of linked) expect(anchors).toContain(anchor);
  });
});

test("the rate limits in wrangler.toml match the documents", () => {
  // The types of wrangler's reader come from a package that wrangler does not install.
  const { ratelimits }: { ratelimits: { name: string; simple: { limit: number; period: number } }[] } =
    readWranglerConfig({ config: join(root, "wrangler.toml") });
  const bound = Object.fromEntries(ratelimits.map(({ name, simple }) => [name, simple]));
  const documented = Object.entries(RATE_LIMITS).map(([name, { limit, periodSeconds }]) => [
    name,
    { limit, period: periodSeconds },
  ]);
  expect(bound).toEqual(Object.fromEntries(documented));
});
