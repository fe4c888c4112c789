import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { buildDemo } from "./demo/build-demo.ts";

/**
 * Puts the files that Cloudflare serves by itself into `dist/site`: `npm run build`, which wrangler runs, too.
 * With `--without-demo`, the demo page is not among them; the page of the documents is, in any case.
 */

const SITE = resolve(import.meta.dirname, "../../dist/site");

/** Swagger UI as it is published, the part that `/docs` needs. */
const SWAGGER_UI_FILES = ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"];

/** The Worker sets these on its answers, but it never sees these files (`src/edge/headers.ts`). */
const HEADERS = `/*
  X-Content-Type-Options: nosniff
  X-Frame-Options: DENY
  Referrer-Policy: no-referrer
  Cross-Origin-Resource-Policy: same-origin
  Content-Security-Policy: default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
`;

/** Builds the site anew. @param site The folder that becomes it; what was in it is gone. */
export async function buildSite(site = SITE, { hasDemo = true } = {}): Promise<void> {
  await rm(site, { recursive: true, force: true });
  await mkdir(site, { recursive: true });
  await writeFile(join(site, "_headers"), HEADERS);
  await buildDocsUi(join(site, "docs-ui"));
  if (hasDemo) await buildDemo(site);
}

/** What the page of `/docs` loads. */
async function buildDocsUi(folder: string): Promise<void> {
  const swaggerUi = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  await cp(join(import.meta.dirname, "reference"), folder, { recursive: true });
  for (const file of SWAGGER_UI_FILES) await cp(join(swaggerUi, file), join(folder, file));
}

if (import.meta.main) await buildSite(SITE, { hasDemo: !process.argv.includes("--without-demo") });
