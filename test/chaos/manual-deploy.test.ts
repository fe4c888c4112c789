import { expect, test } from "vitest";
import { unknownOptions, usesOf } from "../support/documented-commands.ts";

// Here because each call of wrangler takes seconds.
test("README and manual name only commands and options of wrangler that exist", async () => {
  const uses = usesOf(/npx wrangler ((?:(?:secret|deployments|versions) )?[a-z]+)(.*)/g);
  expect(uses.length).toBeGreaterThan(5);
  expect(await unknownOptions("node_modules/wrangler/bin/wrangler.js", uses)).toEqual([]);
});
