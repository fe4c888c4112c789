import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { buildPackage } from "../../sdk/package/build.ts";

/**
 * Builds what the service serves under `/sdk/`, so that pages and services install the SDK from a deployment instead of a
 * registry: the npm package, modules for `<script type="module">`, and the Python publisher.
 */

export const PROJECT = join(import.meta.dirname, "../../..");
/** One folder per released version. Its files never change, because lockfiles contain their hashes. */
export const RELEASES = join(import.meta.dirname, "releases");

/**
 * Copies every release to `sdk/<version>/`, and builds the SDK of this checkout in `sdk/`, so that a deployment serves
 * the SDK it was tested with, released or not.
 * @param site The folder that Cloudflare serves.
 */
export async function buildSdk(site: string, releases = RELEASES): Promise<void> {
  const folder = join(site, "sdk");
  await cp(releases, folder, { recursive: true });
  await buildSdkFiles(folder);
}

/** Builds the SDK of this checkout: `tidings.tgz`, the modules for pages with source maps, `tidings.py`. */
export async function buildSdkFiles(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await pack(join(folder, "tidings.tgz"));
  const { outputFiles } = await build({
    entryPoints: { client: join(PROJECT, "src/sdk/index.ts"), tabs: join(PROJECT, "src/sdk/tabs/tabs.ts") },
    // Source maps contain paths relative to this folder, so that they are the same wherever the files are written.
    outdir: join(PROJECT, "dist/sdk"),
    write: false,
    bundle: true,
    minify: true,
    sourcemap: "linked",
    format: "esm",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  });
  for (const { path, contents } of outputFiles) await writeFile(join(folder, basename(path)), contents);
  await copyFile(join(PROJECT, "src/sdk/python/publisher.py"), join(folder, "tidings.py"));
}

/** Packs the npm package. npm gives every file the same date, so equal contents give equal bytes. */
async function pack(tarball: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "tidings-sdk-"));
  try {
    const source = join(directory, "package");
    await buildPackage(source);
    const packed = await npm(["pack", "--json", "--pack-destination", directory], source);
    const [{ filename }] = JSON.parse(packed);
    await copyFile(join(directory, filename), tarball);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs the npm that runs this script, whatever it is called on this platform. */
export async function npm(args: string[], cwd: string): Promise<string> {
  const script = process.env.npm_execpath;
  const [program, ...first] = script?.endsWith(".js") ? [process.execPath, script] : ["npm"];
  const { stdout } = await promisify(execFile)(String(program), [...first, ...args], { cwd });
  return stdout;
}

/**
 * The rules of `/sdk/` for Cloudflare's `_headers` file: any page may load the files, and releases never change.
 * `:version` matches every folder, so only releases may be folders.
 */
export const SDK_HEADERS = `/sdk/*
  ! Cross-Origin-Resource-Policy
  Cross-Origin-Resource-Policy: cross-origin
  Access-Control-Allow-Origin: *
/sdk/:version/*
  Cache-Control: public, max-age=31536000, immutable
`;
