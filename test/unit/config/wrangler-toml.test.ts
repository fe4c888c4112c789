import { describe, expect, test } from "vitest";
import { unstable_readConfig as readWranglerConfig } from "wrangler";
import { readConfig } from "../../../src/config/config.ts";
import { fixOf, SETTING_NAMES } from "../../../src/config/schema.ts";
import { SETTINGS } from "../../support/manual-tables.ts";

/** `[vars]` in `wrangler.toml`, from which the manual's table is made. */

const SECRETS = { JWT_SECRET: "s".repeat(32), PUBLISH_KEYS: `shop:${"k".repeat(32)}` };
const { vars } = readWranglerConfig({ config: "wrangler.toml" });

describe("wrangler.toml", () => {
  test("has every setting that is not secret, and no other", () => {
    const variables = SETTING_NAMES.filter((name) => fixOf(name).startsWith("set "));
    expect(Object.keys(vars).sort()).toEqual(variables.sort());
  });

  test("explains each setting in sentences above it", () => {
    expect(SETTINGS.map(({ name }) => name)).toEqual(Object.keys(vars));
    for (const { name, meaning } of SETTINGS) expect(meaning, name).toMatch(/^[A-Z`].*[.)]$/);
  });

  test("states the defaults: without it, the service runs with the same settings but for the local origins", () => {
    const { BACKEND_CORS_ORIGINS: _, ...defaults } = vars;
    expect(readConfig({ ...SECRETS, ...defaults })).toEqual(readConfig(SECRETS));
  });
});
