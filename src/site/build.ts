import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { buildDemo } from "./demo/build-demo.ts";
import { buildManual } from "./manual/build-manual.ts";
import { buildSdk, releasedVersions, sdkHeaders } from "./sdk/build-sdk.ts";

/**
 * Builds the static files that Cloudflare serves, in `dist/site`. Runs as `npm run build`, which wrangler also calls.
 * `--without-demo` leaves out the demo page; the manual, the SDK and the files of `/docs/api` are always built.
 */

const SITE = resolve(import.meta.dirname, "../../dist/site");

/** The parts of the `swagger-ui-dist` package that `/docs/api` needs. */
const SWAGGER_UI_FILES = ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"];

/** Cloudflare serves these files without calling the Worker, which sets the same headers itself (`src/edge/headers.ts`). */
const HEADERS_FILE = `/*
  X-Content-Type-Options: nosniff
  X-Frame-Options: DENY
  Referrer-Policy: no-referrer
  Cross-Origin-Resource-Policy: same-origin
  Content-Security-Policy: default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
`;

/** Builds the site. @param site The output folder, default `dist/site`; its previous contents are deleted. */
export async function buildSite(site = SITE, { hasDemo = true } = {}): Promise<void> {
  await rm(site, { recursive: true, force: true });
  await mkdir(site, { recursive: true });
  await writeFile(join(site, "_headers"), HEADERS_FILE + sdkHeaders(releasedVersions()));
  await buildReference(join(site, "docs-ui"));
  await buildManual(site, { hasDemo });
  await buildSdk(site);
  if (hasDemo) await buildDemo(site);
}

/** Copies what the API reference at `/docs/api` loads. */
async function buildReference(folder: string): Promise<void> {
  const swaggerUi = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  await cp(join(import.meta.dirname, "reference"), folder, { recursive: true });
  for (const file of SWAGGER_UI_FILES) await cp(join(swaggerUi, file), join(folder, file));
}

if (import.meta.main) await buildSite(SITE, { hasDemo: !process.argv.includes("--without-demo") });
