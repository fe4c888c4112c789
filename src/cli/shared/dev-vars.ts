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

/** A name, `=` or `:`, and a value, in quotes or up to a comment. As in dotenv, which wrangler parses the file with. */
const ASSIGNMENT =
  /^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\n]+)?\s*(?:#.*)?$/gm;

/**
 * Parses the file as wrangler does, so that this process and the service have the same settings. Node's `parseEnv`
 * differs: it takes the next line as the value where only spaces follow the `=`.
 */
export function parseDevVars(text: string): Record<string, string | undefined> {
  const lines = text.replace(/\r\n?/g, "\n");
  return Object.fromEntries([...lines.matchAll(ASSIGNMENT)].map(([, name = "", value = ""]) => [name, unquote(value)]));
}

function unquote(value: string): string {
  const trimmed = value.trim();
  const inside = trimmed.replace(/^(['"`])([\s\S]*)\1$/gm, "$2");
  return trimmed.startsWith('"') ? inside.replaceAll("\\n", "\n").replaceAll("\\r", "\r") : inside;
}
