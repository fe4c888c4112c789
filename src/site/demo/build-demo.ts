import { cp } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { EVENTS } from "../../protocol/events.ts";

/** The demo page: `index.html`, and in `demo/` one script and one style sheet with their source maps. */

const PAGE = join(import.meta.dirname, "page");

/** @param site The folder that Cloudflare serves. */
export async function buildDemo(site: string): Promise<void> {
  await cp(join(PAGE, "index.html"), join(site, "index.html"));
  await build({
    entryPoints: [join(PAGE, "main.tsx"), join(PAGE, "main.css")],
    outdir: join(site, "demo"),
    bundle: true,
    minify: true,
    sourcemap: "linked",
    format: "iife",
    target: "es2024",
    jsx: "automatic",
    // React's own way to leave its development checks out; and the catalogue, whose checks are the service's.
    define: { "process.env.NODE_ENV": '"production"', CATALOGUE: JSON.stringify(catalogue()) },
    legalComments: "linked",
    logLevel: "warning",
  });
}

/** What the page shows of the catalogue; see `page/catalogue.ts`. */
function catalogue() {
  return Object.fromEntries(
    Object.entries(EVENTS).map(([type, { channel, summary, example }]) => [type, { channel, summary, example }]),
  );
}
