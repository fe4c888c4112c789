import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageVersion } from "../../../src/cli/shared/version.ts";
import { buildSdk, buildSdkFiles, RELEASES, SDK_HEADERS } from "../../../src/site/sdk/build-sdk.ts";
import { INTEGRITY_FILE, integrityOf } from "../../../src/site/sdk/release.ts";
import { allText } from "../../support/documents.ts";
import { copyProject } from "../../support/project-copy.ts";

/** What `/sdk/` serves. Lockfiles contain the package's hash, so a release must keep its bytes. */

const folder = mkdtempSync(join(tmpdir(), "tidings-sdk-files-"));
const built = join(folder, "built");
const versions = readdirSync(RELEASES);
const read = (...path: string[]) => readFileSync(join(folder, ...path));
beforeAll(() => buildSdkFiles(built));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
  test("keeps its files: each has the hash that was recorded", () => {
    for (const version of versions) {
      const release = join(RELEASES, version);
      const recorded = JSON.parse(readFileSync(join(release, INTEGRITY_FILE), "utf8"));
      expect(integrityOf(release), `${version} is released: restore its files, and release a higher version`).toEqual(
        recorded,
      );
    }
  });

  test("whose file changed, is missing or was added is noticed", () => {
    const release = join(folder, "changed");
    cpSync(built, release, { recursive: true });
    const recorded = integrityOf(built);
    expect(integrityOf(release)).toEqual(recorded);
    writeFileSync(join(release, "tidings.py"), "# another one\n");
    expect(integrityOf(release)).not.toEqual(recorded);
    rmSync(join(release, "tidings.py"));
    expect(integrityOf(release)).not.toEqual(recorded);
  });

  test("has another version than the source, which may change", () => {
    const fix = "After a release, run: npm version prepatch --preid dev --no-git-tag-version";
    expect(versions, fix).not.toContain(packageVersion());
  });

  test("that the manual names exists", () => {
    const named = [...allText().matchAll(/\/sdk\/(\d+\.\d+\.\d+)\//g)].map(([, version]) => version);
    expect(named.length).toBeGreaterThan(0);
    expect(versions).toEqual(expect.arrayContaining(named));
  });

  test("is served as it was released, beside what the source is now", async () => {
    const releases = join(folder, "releases");
    mkdirSync(join(releases, "0.0.1"), { recursive: true });
    writeFileSync(join(releases, "0.0.1", "tidings.py"), "# the first one\n");
    await buildSdk(join(folder, "site"), releases);
    expect(read("site/sdk/0.0.1/tidings.py").toString()).toBe("# the first one\n");
    expect(read("site/sdk/tidings.py")).toEqual(read("built/tidings.py"));
    // The rule that caches releases for a year matches every folder.
    const entries = readdirSync(join(folder, "site/sdk"), { withFileTypes: true });
    expect(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)).toEqual(["0.0.1"]);
  });

  test("is cached for a year; the source's files are revalidated", () => {
    const [current, release] = SDK_HEADERS.split("/sdk/:version/*");
    expect(current).not.toContain("Cache-Control");
    expect(release).toContain("max-age=31536000, immutable");
  });
});

describe("npm run release:sdk", () => {
  const project = copyProject(["src", "package.json", "package-lock.json", "tsconfig.json", "LICENSE", "CHANGELOG.md"]);
  afterAll(() => rmSync(project, { recursive: true, force: true }));
  const release = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["src/site/sdk/release.ts", ...args], {
      cwd: project,
      encoding: "utf8",
    });
    return { status, text: stdout + stderr };
  };
  const versionIn = (file: string) => JSON.parse(readFileSync(join(project, file), "utf8")).version;

  test("keeps the files of the version it is given, and sets the next one", async () => {
    writeFileSync(join(project, "CHANGELOG.md"), "# Changelog\n\n## 9.9.9\n");
    expect(release("9.9.9")).toMatchObject({
      status: 0,
      text: expect.stringContaining("Work continues as v9.9.10-dev.0"),
    });
    const kept = join(project, "src/site/sdk/releases/9.9.9");
    expect(JSON.parse(readFileSync(join(kept, INTEGRITY_FILE), "utf8"))).toEqual(integrityOf(kept));
    const manifest = execFileSync("tar", ["-xzOf", join(kept, "tidings.tgz"), "package/package.json"]);
    expect(JSON.parse(manifest.toString()).version).toBe("9.9.9");
    expect([versionIn("package.json"), versionIn("package-lock.json")]).toEqual(["9.9.10-dev.0", "9.9.10-dev.0"]);
  });

  test("leaves nothing behind when the build fails, and then succeeds for the same version", () => {
    writeFileSync(join(project, "CHANGELOG.md"), "# Changelog\n\n## 9.9.11\n");
    const source = join(project, "src/sdk/python/publisher.py");
    const text = readFileSync(source);
    rmSync(source);
    expect(release("9.9.11")).toMatchObject({ status: 1, text: expect.stringContaining("publisher.py") });
    expect(existsSync(join(project, "src/site/sdk/releases/9.9.11"))).toBe(false);
    writeFileSync(source, text);
    expect(release("9.9.11").status).toBe(0);
    expect(readdirSync(join(project, "dist"))).toEqual([]);
  });

  test.each([
    [[], "Say which version"],
    [["patch"], "Say which version"],
    [["9.9.9"], "9.9.9 is released, and its files never change. Release a higher version."],
    [["9.9.10"], 'CHANGELOG.md has no heading "## 9.9.10".'],
  ])("refuses %j", (args, text) => {
    expect(release(...args)).toEqual({ status: 1, text: expect.stringContaining(text) });
  });
});
