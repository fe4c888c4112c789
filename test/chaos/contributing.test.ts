import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WALKS } from "../support/contributing-walks.ts";
import { copyProject } from "../support/project-copy.ts";

/** Follows the checklists of the manual's chapter "Contributing" in a copy of the project, once. */

/** The tests that a change of these kinds can break. */
const TESTS = ["manual-tables", "manual-operations", "config", "protocol", "telemetry", "edge/documents"];

let copy: string;
beforeAll(() => {
  copy = copyProject([
    "src",
    "test",
    "README.md",
    "CHANGELOG.md",
    "package.json",
    "tsconfig.json",
    "vitest.config.ts",
    "wrangler.toml",
  ]);
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Runs a program of the copy. @returns What it printed, if it failed. */
async function fails(script: string, ...words: string[]): Promise<string> {
  const running = promisify(execFile)(process.execPath, [script, ...words], {
    cwd: copy,
    env: { ...process.env, NO_COLOR: "1" },
  });
  return running.then(
    () => "",
    ({ stdout, stderr }) => stdout + stderr,
  );
}

test("after all checklists, types, tables and tests agree", async () => {
  for (const { file, after, insert } of Object.values(WALKS).flat()) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    expect(text.split(`${after}\n`), `${file}: ${after}`).toHaveLength(2);
    writeFileSync(
      path,
      text.replace(`${after}\n`, () => `${after}\n${insert}\n`),
    );
  }
  expect(await fails("node_modules/typescript/bin/tsc", "-b")).toBe("");
  expect(await fails("test/support/manual-tables.ts")).toBe("");
  const paths = TESTS.map((path) => `test/unit/${path}`);
  expect(await fails("node_modules/vitest/vitest.mjs", "run", "--project", "unit", ...paths)).toBe("");
});
