import { cp } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { EVENTS } from "../../protocol/events.ts";

const PAGE = join(import.meta.dirname, "page");

/**
 * Builds the demo page: `index.html`, plus one script and one style sheet with their source maps in `demo/`.
 * @param site The folder that Cloudflare serves.
 */
export async function buildDemo(site: string): Promise<void> {
  await cp(join(PAGE, "index.html"), join(site, "index.html"));
  await build({
    entryPoints: [
      { in: join(PAGE, "main.tsx"), out: "main" },
      { in: join(PAGE, "styles/main.css"), out: "main" },
    ],
    outdir: join(site, "demo"),
    bundle: true,
    minify: true,
    sourcemap: "linked",
    format: "iife",
    target: "es2024",
    jsx: "automatic",
    define: {
      // Leaves out React's development checks.
      "process.env.NODE_ENV": '"production"',
      CATALOGUE: JSON.stringify(pageCatalogue()),
    },
    legalComments: "linked",
    logLevel: "warning",
  });
}

/** Returns the parts of the event catalogue that the page shows (`page/service/catalogue.ts`), without its schemas. */
export function pageCatalogue() {
  return Object.fromEntries(
    Object.entries(EVENTS).map(([type, { channel, summary, example }]) => [type, { channel, summary, example }]),
  );
}
