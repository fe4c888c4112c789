import { cpSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A copy of the project for tests that run or change it. */

const PROJECT = resolve(import.meta.dirname, "../..");

/** What `npm run dev` needs; the manual shows pictures of results. */
export const DEV_FILES = [
  "src",
  "test/bench/results",
  "test/chaos/results",
  "wrangler.toml",
  "package.json",
  "tsconfig.json",
  "CHANGELOG.md",
  "LICENSE",
];

/** Copies files and folders of the project to a temporary folder that shares its `node_modules`. Returns the folder. */
export function copyProject(names: string[]): string {
  const copy = mkdtempSync(join(tmpdir(), "tidings-copy-"));
  for (const name of names) cpSync(join(PROJECT, name), join(copy, name), { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(copy, "node_modules"), "junction");
  return copy;
}
