import { readTextFile } from "./text-file.ts";

/** The settings of the local service, secrets included. Ignored by Git. */
export const DEV_VARS_FILE = ".dev.vars";

/** Reads the settings in a folder's `.dev.vars`; none if the file does not exist. @throws {CommandError} */
export function readDevVars(folder: string): Record<string, string | undefined> {
  return parseDevVars(readTextFile(folder, DEV_VARS_FILE) ?? "");
}

/** Reads the settings of the service in a folder: `[vars]` of `wrangler.toml`, overridden by `.dev.vars`. @throws {CommandError} */
export function readServiceSettings(folder: string): Record<string, string | undefined> {
  return { ...parseTable(readTextFile(folder, "wrangler.toml") ?? "", "vars"), ...readDevVars(folder) };
}

/** A list of `wrangler.toml`, on one line or several, and what is in it: comments, and items with and without quotes. */
const LIST = /^(\s*[\w-]+\s*=\s*)\[((?:"[^"\n]*"|'[^'\n]*'|#.*\n|[^\]"'#])*)\]/gm;
const LIST_PART = /#.*|"([^"\n]*)"|'([^'\n]*)'|([^\s,#"']+)/g;

/**
 * Reads a table of `wrangler.toml`, whose lines have the form of those in `.dev.vars`. A list becomes its items separated
 * by commas, as for the service.
 */
export function parseTable(wranglerToml: string, name: string): Record<string, string | undefined> {
  const table = wranglerToml.split(/^\[/m).find((text) => text.startsWith(`${name}]`)) ?? "";
  const withoutLists = table.replace(LIST, (_, start: string, list: string) => {
    const items = [...list.matchAll(LIST_PART)].map(([, ...forms]) => forms.find((text) => text !== undefined));
    return `${start}"${items.filter((item) => item !== undefined).join(",")}"`;
  });
  return parseDevVars(withoutLists);
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
