import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import * as z from "zod";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The parts of axe's results that the tests read. */
const violationsSchema = z.array(
  z.object({
    id: z.string(),
    impact: z.string().nullish(),
    nodes: z.array(z.object({ target: z.array(z.unknown()) })),
  }),
);

/** Returns the serious and critical violations that axe (https://github.com/dequelabs/axe-core) finds, with their elements. */
export async function seriousViolations(page: Page): Promise<string[]> {
  // The pages' content security policy forbids a script element.
  await page.evaluate(AXE);
  const run = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)";
  const found: unknown = await page.evaluate(run);
  return violationsSchema
    .parse(found)
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}
