import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildSdkFiles, npm, PROJECT, RELEASES } from "./build-sdk.ts";

/**
 * Releases a version: keeps the SDK's files for good, then sets the next version, under which work continues. Runs as
 * `npm run release:sdk -- 0.2.0`; commit the result.
 */

/** The file of a release that holds the hashes of the others. */
export const INTEGRITY_FILE = "integrity.json";

/** Returns the hash of each of a folder's files, as lockfiles and `<script integrity>` have it. */
export function integrityOf(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => name !== INTEGRITY_FILE);
  const sha512 = (name: string) => hash("sha512", readFileSync(join(folder, name)), "base64");
  return Object.fromEntries(names.sort().map((name) => [name, `sha512-${sha512(name)}`]));
}

/** Returns what keeps a version from being released; null if nothing does. */
function obstacle(version: string): string | null {
  if (!/^\d+\.\d+\.\d+$/.test(version)) return "Say which version: npm run release:sdk -- 0.2.0";
  if (existsSync(join(RELEASES, version))) {
    return `${version} is released, and its files never change. Release a higher version.`;
  }
  const changelog = readFileSync(join(PROJECT, "CHANGELOG.md"), "utf8");
  if (!changelog.includes(`\n## ${version}\n`))
    return `CHANGELOG.md has no heading "## ${version}". Say there what changed.`;
  return null;
}

/** Builds a release's files and their hashes. The folder appears complete or, if the build fails, not at all. */
async function buildRelease(folder: string): Promise<void> {
  // Not within the releases, where a killed build would leave a version to deploy, but on the same file system.
  const dist = join(PROJECT, "dist");
  await mkdir(dist, { recursive: true });
  const temporary = await mkdtemp(join(dist, "release-"));
  try {
    const files = join(temporary, "files");
    await buildSdkFiles(files);
    await writeFile(join(files, INTEGRITY_FILE), `${JSON.stringify(integrityOf(files), null, 2)}\n`);
    await rename(files, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const setVersion = (...args: string[]) =>
  npm(["version", "--no-git-tag-version", "--allow-same-version", ...args], PROJECT);

if (import.meta.main) {
  const [version = ""] = process.argv.slice(2);
  const reason = obstacle(version);
  if (reason !== null) {
    console.error(reason);
    process.exitCode = 1;
  } else {
    const folder = join(RELEASES, version);
    await setVersion(version);
    await buildRelease(folder);
    const next = (await setVersion("prepatch", "--preid", "dev")).trim();
    console.log(
      `Commit ${folder}, package.json and package-lock.json: later deployments serve the release at /sdk/${version}/. Work continues as ${next}.`,
    );
  }
}
