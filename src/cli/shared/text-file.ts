import { readFileSync } from "node:fs";
import { join } from "node:path";
import { usageError } from "./command-error.ts";

/** Reads a text file; null if it does not exist. @throws {CommandError} when it cannot be read, or is not text. */
export function readTextFile(folder: string, name: string): string | null {
  const text = orUsageError(name, () => readFileSync(join(folder, name), "utf8"));
  // UTF-16, as written by `>` in PowerShell.
  if (text?.includes("\0")) throw usageError(`${name} is not UTF-8 text. Save it as UTF-8.`);
  return text;
}

/**
 * Accesses a file; returns null if it does not exist.
 * @throws {CommandError} for any other failure, with the fix.
 */
export function orUsageError<T>(name: string, access: () => T): T | null {
  try {
    return access();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code === "ENOENT") return null;
    throw usageError(FAILURES[code]?.(name) ?? `${name} cannot be read or written (${code}).`);
  }
}

const noPermission = (name: string) =>
  `${name} cannot be read or written: permission denied. Run this as its owner, or: chmod u+rw ${name}`;

const FAILURES: Partial<Record<string, (name: string) => string>> = {
  EISDIR: (name) => `${name} is a folder, but must be a file. Move the folder away and run this again.`,
  EACCES: noPermission,
  EPERM: noPermission,
};
