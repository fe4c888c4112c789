import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { usageError } from "../cli/shared/command-error.ts";
import { DEV_VARS_FILE, parseDevVars } from "../cli/shared/dev-vars.ts";
import { orUsageError, readTextFile } from "../cli/shared/text-file.ts";

const OWNER_ONLY = 0o600;
/** 32 bytes are 43 characters in base64url: enough for `JWT_SECRET` (32 bytes) and a publish key (32 characters). */
const SECRET_BYTES = 32;
const HEADER = "# Settings of the local service, written by `npm run dev`. Edit them freely; never commit this file.\n";

const DEFAULTS: Record<string, () => string> = {
  JWT_SECRET: randomSecret,
  PUBLISH_KEYS: () => `dev:${randomSecret()}`,
  // Shows order ids on the health page, as the original service does. For local development only.
  HEALTH_DETAILS: () => "public",
  // The local runtime refuses the jurisdictions that a deployment may have in wrangler.toml (workerd 1.20261023).
  JURISDICTION: () => "",
};

/**
 * Adds the settings that a local service needs to a folder's `.dev.vars`. Existing content stays untouched; missing
 * names are appended.
 * @returns The names that were added.
 * @throws {CommandError} when the file cannot be read or written.
 */
export function completeDevVars(folder: string): string[] {
  const path = join(folder, DEV_VARS_FILE);
  const before = readTextFile(folder, DEV_VARS_FILE);
  const known = parseDevVars(before ?? "");
  const missing = Object.entries(DEFAULTS).filter(([name]) => known[name] === undefined);
  if (missing.length === 0) return [];

  const newline = before?.includes("\r\n") ? "\r\n" : "\n";
  const added = missing.map(([name, value]) => `${name}=${value()}${newline}`).join("");
  const wasWritten = orUsageError(DEV_VARS_FILE, () => {
    // Appended, so the developer's own lines stay as they are.
    appendFileSync(path, separatorAfter(before, newline) + added, { mode: OWNER_ONLY });
    // `mode` applies only to a file that is created.
    chmodSync(path, OWNER_ONLY);
    return true;
  });
  if (!wasWritten) throw usageError(`${DEV_VARS_FILE} cannot be written: it links to a folder that does not exist.`);
  return missing.map(([name]) => name);
}

/** Separates with an empty line, because a last line `NAME:` without a value would take the next line as its value. */
function separatorAfter(before: string | null, newline: string): string {
  if (before === null) return HEADER;
  if (before === "") return "";
  return /[\r\n]$/.test(before) ? newline : newline + newline;
}

function randomSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}
