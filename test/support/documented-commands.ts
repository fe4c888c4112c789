import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { allText, ROOT } from "./documents.ts";
import { snippetsOf } from "./snippets.ts";

/** The commands that README and manual show. */

/** Returns each command as a line. Placeholders such as `<publish key>` stand for text. */
export function commandLines(): string[] {
  const text = allText();
  const inProse = [...text.matchAll(/`(npx [^`\n]+)`/g)].map(([, command = ""]) => command);
  const inBlocks = snippetsOf(text).flatMap(({ language, code }) => (language === "sh" ? [code] : []));
  return [...inBlocks, ...inProse]
    .map((code) => code.replaceAll("\\\n", " ").replaceAll(/<[\w ,]+>/g, "placeholder"))
    .flatMap((code) => code.split("\n"));
}

/** A use of a program: its subcommand and its options. */
interface Use {
  subcommand: string;
  options: string[];
}

/** @param program Matches a command, with its subcommand and the rest of the line as groups. */
export const usesOf = (program: RegExp): Use[] =>
  [...commandLines().join("\n").matchAll(program)].map(([, subcommand = "", rest = ""]) => ({
    subcommand,
    options: [...(rest.split("#")[0] ?? "").matchAll(/(?<=\s)--[\w-]+/g)].map(([option]) => option),
  }));

/**
 * Returns the options that a program's help does not name, asking once for each subcommand.
 * @throws if the program does not know a subcommand.
 */
export async function unknownOptions(program: string, uses: Use[]): Promise<string[]> {
  const bySubcommand = Object.entries(Object.groupBy(uses, ({ subcommand }) => subcommand));
  const unknown = bySubcommand.map(async ([subcommand, group = []]) => {
    const words = [program, ...subcommand.split(" "), "--help"];
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: ROOT });
    const options = new Set(group.flatMap((use) => use.options));
    return [...options].filter((option) => !stdout.includes(option)).map((option) => `${subcommand} ${option}`);
  });
  return (await Promise.all(unknown)).flat();
}
