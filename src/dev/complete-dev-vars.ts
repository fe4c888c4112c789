import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEV_VARS_FILE, readDevVars } from "../cli/shared/dev-vars.ts";

const OWNER_ONLY = 0o600;
/** 32 bytes are 43 characters in base64url: enough for `JWT_SECRET` (32 bytes) and a publish key (32 characters). */
const SECRET_BYTES = 32;
const HEADER = "# Settings of the local service, written by `npm run dev`. Edit them freely; never commit this file.\n";

const DEFAULTS: Record<string, () => string> = {
  JWT_SECRET: randomSecret,
  PUBLISH_KEYS: () => `dev:${randomSecret()}`,
  // Shows order ids on the health page, as the original service does. For local development only.
  HEALTH_DETAILS: () => "public",
};

/**
 * Adds the settings that a local service needs to a folder's `.dev.vars`. Existing content stays untouched; missing
 * names are appended.
 * @returns The names that were added.
 */
export function completeDevVars(folder: string): string[] {
  const path = join(folder, DEV_VARS_FILE);
  const known = readDevVars(folder);
  const missing = Object.entries(DEFAULTS).filter(([name]) => known[name] === undefined);
  if (missing.length === 0) return [];

  const before = existsSync(path) ? readFileSync(path, "utf8") : HEADER;
  const separator = before === "" || before.endsWith("\n") ? "" : "\n";
  const added = missing.map(([name, value]) => `${name}=${value()}\n`).join("");
  writeFileSync(path, before + separator + added, { mode: OWNER_ONLY });
  // `mode` applies only to a file that writeFileSync creates.
  chmodSync(path, OWNER_ONLY);
  return missing.map(([name]) => name);
}

function randomSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}
