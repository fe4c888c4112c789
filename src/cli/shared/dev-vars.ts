import { parse as parseDotenv } from "dotenv";
import { parse, TomlError } from "smol-toml";
import { settingText } from "../../config/env.ts";
import { isRecord } from "../../protocol/json.ts";
import { usageError } from "./command-error.ts";
import { readTextFile } from "./text-file.ts";

/** The settings of the local service, secrets included. Ignored by Git. */
export const DEV_VARS_FILE = ".dev.vars";

/** Reads the settings in a folder's `.dev.vars`; none if the file does not exist. @throws {CommandError} */
export function readDevVars(folder: string): Record<string, string | undefined> {
  return parseDevVars(readTextFile(folder, DEV_VARS_FILE) ?? "");
}

/** Reads the settings of the service in a folder: `[vars]` of `wrangler.toml`, overridden by `.dev.vars`. @throws {CommandError} */
export function readServiceSettings(folder: string): Record<string, string | undefined> {
  const vars = wranglerTable(readTextFile(folder, "wrangler.toml") ?? "", "vars");
  const texts = Object.entries(vars).flatMap(([name, value]) => {
    const text = settingText(value);
    return typeof text === "string" ? [[name, text]] : [];
  });
  return { ...Object.fromEntries(texts), ...readDevVars(folder) };
}

/** Returns a table of `wrangler.toml`, empty if there is none. @throws {CommandError} when the text is not TOML. */
export function wranglerTable(wranglerToml: string, name: string): Record<string, unknown> {
  try {
    const table = parse(wranglerToml)[name];
    return isRecord(table) ? table : {};
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [problem] = error.message.split("\n");
    throw usageError(`wrangler.toml, line ${error.line}: ${problem}`);
  }
}

/** Parses the file as wrangler does, so that this process and the service have the same settings. */
export const parseDevVars: (text: string) => Record<string, string | undefined> = parseDotenv;
