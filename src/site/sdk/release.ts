import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildSdkFiles, currentVersion, RELEASES } from "./build-sdk.ts";

/** Releases the SDK: keeps the current version's files for good. Runs as `npm run release:sdk`; commit the result. */

const folder = join(RELEASES, currentVersion());
if (existsSync(folder)) {
  console.error(
    `${currentVersion()} is released. To release a change, raise the version in package.json and in CHANGELOG.md.`,
  );
  process.exitCode = 1;
} else {
  await buildSdkFiles(folder);
  console.log(`${folder}: commit it, so that every later deployment serves it at /sdk/${currentVersion()}/.`);
}
