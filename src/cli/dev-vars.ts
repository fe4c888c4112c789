import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** `.dev.vars`: the settings of a local service, secrets among them. Git ignores it; only its owner may read it. */

export const DEV_VARS_FILE = ".dev.vars";
const OWNER_ONLY = 0o600;
/** 32 bytes make 43 characters: enough for both `JWT_SECRET` (bytes) and a publish key (characters). */
const SECRET_BYTES = 32;

/** @returns The settings in a folder's `.dev.vars`; none when there is no such file. */
export function readDevVars(folder: string): Record<string, string | undefined> {
  const path = join(folder, DEV_VARS_FILE);
  return existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
}

/**
 * Sees to it that a folder's `.dev.vars` has all that a local service needs. What is there stays as it is, to the
 * byte; only names that are missing are appended.
 * @returns The names that were added.
 */
export function completeDevVars(folder: string): string[] {
  const path = join(folder, DEV_VARS_FILE);
  const known = readDevVars(folder);
  const missing = Object.entries(DEFAULTS).filter(([name]) => known[name] === undefined);
  if (missing.length === 0) return [];

  const isNew = !existsSync(path);
  const before = isNew ? HEADER : readFileSync(path, "utf8");
  const separator = before === "" || before.endsWith("\n") ? "" : "\n";
  const added = missing.map(([name, value]) => `${name}=${value()}\n`).join("");
  writeFileSync(path, before + separator + added, { mode: OWNER_ONLY });
  // The mode above counts for a new file only.
  chmodSync(path, OWNER_ONLY);
  return missing.map(([name]) => name);
}

const HEADER = "# Settings of the local service. Written by `npm run dev`; yours to change. Never commit it.\n";

const DEFAULTS: Record<string, () => string> = {
  JWT_SECRET: randomSecret,
  PUBLISH_KEYS: () => `dev:${randomSecret()}`,
  // Order ids on the health page, as the original service shows them: right on a laptop, and only there.
  HEALTH_DETAILS: () => "public",
};

function randomSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}
