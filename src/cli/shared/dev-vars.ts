import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** The settings of the local service, secrets included. Ignored by Git. */
export const DEV_VARS_FILE = ".dev.vars";

/** Reads the settings in a folder's `.dev.vars`; none if the file does not exist. */
export function readDevVars(folder: string): Record<string, string | undefined> {
  const path = join(folder, DEV_VARS_FILE);
  return existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
}
