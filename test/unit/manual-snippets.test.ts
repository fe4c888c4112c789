import { spawnSync } from "node:child_process";
import { transform } from "esbuild";
import { describe, expect, test } from "vitest";
import { commandLines, unknownOptions, usesOf } from "../support/documented-commands.ts";
import { allText } from "../support/documents.ts";
import { snippetsOf } from "../support/snippets.ts";

/**
 * Every example of README and manual, in its language. Other tests run them: `test/runtime/manual-*`, `test/unit/dev`;
 * `test/unit/sdk/package` compiles those in TypeScript.
 */

const snippets = snippetsOf(allText());
const codeIn = (...languages: string[]) =>
  snippets.filter(({ language }) => languages.includes(language)).map(({ code }) => code);

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
  test("are valid shell", () => {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: commandLines().join("\n"), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("of `tidings` exist, with their options", async () => {
    const uses = usesOf(/npx tidings ((?:dead )?[a-z]+)(.*)/g);
    expect(new Set(uses.map(({ subcommand }) => subcommand)).size).toBeGreaterThan(3);
    expect(await unknownOptions("src/cli/tidings.ts", uses)).toEqual([]);
  });
});
