import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { buildDemo } from "./demo/build-demo.ts";
import { buildManual } from "./manual/build-manual.ts";
import { buildSdk, SDK_HEADERS } from "./sdk/build-sdk.ts";

/**
 * Builds the static files that Cloudflare serves, in `dist/site`. Runs as `npm run build`, which wrangler also calls.
 * `--without-demo` leaves out the demo page; the manual, the references and the SDK are always built.
 */

const SITE = resolve(import.meta.dirname, "../../dist/site");

/** Cloudflare serves these files without calling the Worker, which sets headers for its own responses (`src/edge/headers.ts`). */
const HEADERS_FILE = `/*
  X-Content-Type-Options: nosniff
  X-Frame-Options: DENY
  Referrer-Policy: no-referrer
  Cross-Origin-Resource-Policy: same-origin
  Content-Security-Policy: default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
`;

/** Builds the site. @param site The output folder; its previous contents are deleted. */
export async function buildSite(site: string, { hasDemo = true } = {}): Promise<void> {
  await rm(site, { recursive: true, force: true });
  await mkdir(site, { recursive: true });
  await writeFile(join(site, "_headers"), HEADERS_FILE + SDK_HEADERS);
  await buildManual(site, { hasDemo });
  await buildSdk(site);
  if (hasDemo) await buildDemo(site);
}

if (import.meta.main) await buildSite(SITE, { hasDemo: !process.argv.includes("--without-demo") });
