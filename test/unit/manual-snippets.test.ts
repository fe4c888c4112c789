import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { describe, expect, test } from "vitest";
import { allText, ROOT } from "../support/documents.ts";
import { snippetsOf } from "../support/snippets.ts";

/**
 * Every example of README and manual, in its language. Other tests run them: `test/runtime/manual-*`, `test/unit/dev`;
 * `test/unit/sdk/package` compiles those in TypeScript.
 */

const snippets = snippetsOf(allText());
const codeIn = (...languages: string[]) =>
  snippets.filter(({ language }) => languages.includes(language)).map(({ code }) => code);
const run = promisify(execFile);

test("every example says its language, or is a diagram", () => {
  const known = ["sh", "js", "ts", "tsx", "python", "json", "yaml", "ini", "toml", "html", "text", "sql"];
  expect(snippets.filter(({ language }) => language !== "" && !known.includes(language))).toEqual([]);
  expect(snippets.length).toBeGreaterThan(40);
});

test("every example in JavaScript or TypeScript parses", async () => {
  for (const code of codeIn("js", "ts", "tsx")) await transform(code, { loader: "tsx" });
});

test("every example in JSON parses", () => {
  for (const code of codeIn("json")) {
    for (const line of code.trim().split(/\n(?=\{)/)) expect(() => JSON.parse(line), line).not.toThrow();
  }
});

test("every example in Python parses", () => {
  const program = `
import ast, json, sys
for code in json.load(sys.stdin):
    compile(code, "manual", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)`;
  const { status, stderr } = spawnSync("python3", ["-c", program], {
    input: JSON.stringify(codeIn("python")),
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
});

describe("commands", () => {
  /** Placeholders such as `<publish key>` stand for text; continued lines are one command. */
  const lines = codeIn("sh")
    .map((code) => code.replaceAll("\\\n", " ").replaceAll(/<[\w ,]+>/g, "placeholder"))
    .flatMap((code) => code.split("\n"));

  test("are valid shell", () => {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: lines.join("\n"), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  /** The uses of a program: its subcommand and its options. */
  const usesOf = (program: RegExp) =>
    [...lines.join("\n").matchAll(program)].map(([, subcommand = "", rest = ""]) => ({
      subcommand,
      options: [...(rest.split("#")[0] ?? "").matchAll(/(?<=\s)--[\w-]+/g)].map(([option]) => option),
    }));

  /** Returns the options that the help of a program does not name. */
  async function unknownOptions(
    command: string[],
    uses: { subcommand: string; options: string[] }[],
  ): Promise<string[]> {
    const bySubcommand = Object.entries(Object.groupBy(uses, ({ subcommand }) => subcommand));
    const unknown = bySubcommand.map(async ([subcommand, group = []]) => {
      const { stdout } = await run(process.execPath, [...command, ...subcommand.split(" "), "--help"], { cwd: ROOT });
      const options = new Set(group.flatMap((use) => use.options));
      return [...options].filter((option) => !stdout.includes(option)).map((option) => `${subcommand} ${option}`);
    });
    return (await Promise.all(unknown)).flat();
  }

  test("of `tidings` exist, with their options", async () => {
    const uses = usesOf(/npx tidings ((?:dead )?[a-z]+)(.*)/g);
    expect(new Set(uses.map(({ subcommand }) => subcommand)).size).toBeGreaterThan(3);
    expect(await unknownOptions(["src/cli/tidings.ts"], uses)).toEqual([]);
  });

  test("of `wrangler` exist, with their options", async () => {
    const uses = usesOf(/npx wrangler ((?:(?:secret|deployments|versions|d1) )?[a-z]+)(.*)/g);
    expect(await unknownOptions(["node_modules/wrangler/bin/wrangler.js"], uses)).toEqual([]);
  });
});
