import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildSdk,
  buildSdkFiles,
  currentVersion,
  RELEASES,
  releasedVersions,
  sdkHeaders,
} from "../../../src/site/sdk/build-sdk.ts";

/** What `/sdk/` serves. Lockfiles contain the package's hash, so a release must keep its bytes. */

const folder = mkdtempSync(join(tmpdir(), "tidings-sdk-files-"));
const built = join(folder, "built");
const read = (...path: string[]) => readFileSync(join(folder, ...path));
beforeAll(() => buildSdkFiles(built));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The files of a release that the source would build differently today. */
const changedFiles = (release: string, fresh: string) =>
  readdirSync(release).filter((name) => !readFileSync(join(release, name)).equals(readFileSync(join(fresh, name))));

test("the files are the npm package, modules for pages with source maps, and the Python publisher", () => {
  const names = ["client.js", "client.js.map", "tabs.js", "tabs.js.map", "tidings.py", "tidings.tgz"];
  expect(readdirSync(built).sort()).toEqual(names);
  const listed = execFileSync("tar", ["-tzf", join(built, "tidings.tgz")], { encoding: "utf8" });
  expect(listed).toContain("package/dist/sdk/index.js\n");
  expect(listed).toContain("package/dist/sdk/index.js.map\n");
  expect(listed).toContain("package/dist/sdk/index.d.ts\n");
});

test("a page's module can be imported as it is", async () => {
  const client = await import(join(built, "client.js"));
  expect(Object.keys(client)).toEqual(expect.arrayContaining(["connectOrder", "connectProducts"]));
  expect(Object.keys(await import(join(built, "tabs.js")))).toContain("sharedTabs");
});

test("no file contains a path of the machine that built it", () => {
  const root = join(import.meta.dirname, "../../..");
  for (const name of readdirSync(built)) expect(read("built", name).includes(root), name).toBe(false);
});

describe("a release", () => {
  test("keeps its bytes: the source of a released version builds the same files", () => {
    const version = currentVersion();
    // A version that is not released yet may change.
    if (!releasedVersions().includes(version)) return;
    expect(changedFiles(join(RELEASES, version), built), "raise the version in package.json").toEqual([]);
  });

  test("that differs from the source is noticed", () => {
    const release = join(folder, "changed");
    cpSync(built, release, { recursive: true });
    expect(changedFiles(release, built)).toEqual([]);
    writeFileSync(join(release, "tidings.py"), "# another one\n");
    expect(changedFiles(release, built)).toEqual(["tidings.py"]);
  });

  test("is served as it was released, also after later versions", async () => {
    const releases = join(folder, "releases");
    for (const version of ["0.0.1", currentVersion()]) {
      mkdirSync(join(releases, version), { recursive: true });
      writeFileSync(join(releases, version, "tidings.tgz"), `the package of ${version}`);
    }
    await buildSdk(join(folder, "site"), releases);
    expect(read("site/sdk/0.0.1/tidings.tgz").toString()).toBe("the package of 0.0.1");
    expect(read("site/sdk/tidings.tgz").toString()).toBe(`the package of ${currentVersion()}`);
  });

  test("is cached for a year; the current version is revalidated", () => {
    const [current, release] = sdkHeaders(["0.0.1"]).split("/sdk/0.0.1/*");
    expect(current).not.toContain("Cache-Control");
    expect(release).toContain("max-age=31536000, immutable");
  });
});
