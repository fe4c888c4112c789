import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { cyclesIn, type Import, importsIn } from "../support/module-graph.ts";

/** The direction of dependencies: where to look for something, and how far a change can reach. */

const SRC = join(import.meta.dirname, "../../src");
const files = globSync("**/*.{ts,tsx}", { cwd: SRC });
const imports = files.flatMap((file) => importsIn(file, readFileSync(join(SRC, file), "utf8")));
const show = ({ file, target }: Import) => `${file} imports ${target}`;
/** The longest of some path prefixes that a file begins with. */
const folderOf = (file: string, folders: string[]) =>
  folders.filter((folder) => file.startsWith(folder)).sort((a, b) => b.length - a.length)[0];

const CONTRACTS = [
  "channels/contract.ts",
  "channels/products/shards/contract.ts",
  "registry/contract.ts",
  "ingress/redis/contract.ts",
];
/** The addresses of objects, each beside the classes it stands for. */
const DIRECTORIES = ["channels/directory.ts", "registry/directory.ts", "ingress/redis/directory.ts"];
const SHARED = ["protocol/", "runtime/", "telemetry/", "config/", ...DIRECTORIES, ...CONTRACTS];
/** What each folder may import of ours, besides itself. Nothing imports site, cli, dev or test, but dev uses cli. */
const MAY_IMPORT: Record<string, string[]> = {
  "protocol/": [],
  "runtime/": ["protocol/"],
  "telemetry/": ["protocol/"],
  "config/": ["protocol/", ...CONTRACTS],
  "channels/": ["protocol/", "runtime/", "telemetry/", "config/", "registry/directory.ts", ...CONTRACTS],
  "registry/": SHARED,
  "ingress/": SHARED,
  "edge/": [...SHARED, "channels/handshake.ts", "channels/products/shards/plan.ts", "ingress/dispatch.ts"],
  "sdk/": ["protocol/"],
  "cli/": ["protocol/", "config/", "sdk/"],
  "dev/": ["protocol/", "config/", "cli/", "sdk/publisher/"],
  "site/": ["protocol/", "edge/documents/", "sdk/package/"],
  "site/demo/page/": ["protocol/", "sdk/", "telemetry/metrics.ts"],
  "site/manual/page/": ["site/demo/page/state/theme.ts"],
  // The Worker's entry and the types of its bindings.
  "index.ts": ["channels/", "edge/", "ingress/", "registry/"],
  "cloudflare.d.ts": ["config/env.ts", "index.ts"],
};

/** The only files that may import a library. */
const ENTRIES: [library: RegExp, files: RegExp][] = [
  // One folder each: what tokens are is one concern, and so are the routes.
  [/^jose$/, /^(edge\/auth|cli)\//],
  [/^hono\b/, /^edge\//],
  [/^@upstash\/redis\b/, /^ingress\/redis\/client\.ts/],
  [/^(redis|@redis\/client)$/, /^(cli\/redis|dev\/bridge)\//],
  [/^react\b/, /^(sdk\/hooks\/react\.ts|site\/demo\/page\/)/],
  [/^vue$/, /^sdk\/hooks\/vue\.ts/],
  [/^(marked|highlight\.js)$/, /^site\/manual\/markdown\.ts/],
  [/^cloudflare:/, /^(edge|channels|registry|ingress)\//],
  [/^node:/, /^(cli|dev|site|sdk\/package)\//],
];

/** Which environment each folder is compiled for. */
const ENVIRONMENTS: Record<string, { types: string[]; dom: boolean }> = {
  "": { types: ["@cloudflare/workers-types"], dom: false },
  "protocol/": { types: [], dom: false },
  "sdk/": { types: [], dom: true },
  "sdk/package/": { types: ["node"], dom: false },
  "cli/": { types: ["node"], dom: false },
  "dev/": { types: ["node"], dom: false },
  "site/": { types: ["node"], dom: false },
  "site/demo/page/": { types: [], dom: true },
  "site/manual/page/": { types: [], dom: true },
};

describe("imports", () => {
  test("are found, in every file that has some", () => {
    expect(imports.length).toBeGreaterThan(files.length);
    const unknown = imports.filter(({ target }) => /\.tsx?$/.test(target) && !files.includes(target));
    expect(unknown.map(show)).toEqual([]);
  });

  test("have no cycles, type-only imports included", () => expect(cyclesIn(imports)).toEqual([]));

  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    test(`of ${folder} reach ${allowed.join(", ") || "nothing of ours"}`, () => {
      const forbidden = imports.filter(
        ({ file, target }) =>
          folderOf(file, Object.keys(MAY_IMPORT)) === folder &&
          files.includes(target) &&
          ![folder, ...allowed].some((path) => target.startsWith(path)),
      );
      expect(forbidden.map(show)).toEqual([]);
    });
  }

  test("have a rule for every file", () =>
    expect(files.filter((file) => !folderOf(file, Object.keys(MAY_IMPORT)))).toEqual([]));

  test("of an object class are in src/index.ts alone", () => {
    const index = imports.filter(({ file }) => file === "index.ts");
    const classes = index
      .map(({ target }) => target)
      .filter((file) =>
        /extends (DurableObject|WorkerEntrypoint|Channel|SocketObject)\b/.test(readFileSync(join(SRC, file), "utf8")),
      );
    expect(classes.length).toBeGreaterThanOrEqual(5);
    const others = imports.filter(({ file, target }) => file !== "index.ts" && classes.includes(target));
    expect(others.map(show)).toEqual([]);
  });

  for (const [library, entry] of ENTRIES) {
    test(`of ${library.source} are in ${entry.source} alone`, () => {
      const uses = imports.filter(({ target }) => library.test(target));
      expect(uses.length).toBeGreaterThan(0);
      expect(uses.filter(({ file }) => !entry.test(file)).map(show)).toEqual([]);
    });
  }
});

describe("the tests above find", () => {
  test("each way of writing an import", () => {
    const source = [
      'import type { A } from "./a.ts";',
      'import {\n  b,\n} from "../b.ts";',
      'export * from "./c.ts";',
      'export type { D } from "./d.ts";',
      'import "./e.ts";',
      'const f = await import("./f.ts");',
      'type G = typeof import("./g.ts");',
      'import { h } from "jose";',
      '// import { no } from "./comment.ts";',
      '/** import("./comment.ts") */',
    ].join("\n");
    expect(importsIn("x/file.ts", source).map(({ target }) => target)).toEqual([
      "x/a.ts",
      "b.ts",
      "x/c.ts",
      "x/d.ts",
      "x/e.ts",
      "x/f.ts",
      "x/g.ts",
      "jose",
    ]);
  });

  test("a cycle, and nothing else", () => {
    const graph = (text: string) => text.split(" ").map((edge) => ({ file: String(edge[0]), target: String(edge[1]) }));
    expect(cyclesIn(graph("ab bc ca cd de"))).toEqual([["a", "b", "c"]]);
    expect(cyclesIn(graph("ab ba xy yx bx"))).toEqual([
      ["x", "y"],
      ["a", "b"],
    ]);
    expect(cyclesIn(graph("aa"))).toEqual([["a"]]);
    expect(cyclesIn(graph("ab ac bd cd"))).toEqual([]);
  });

  test("a cycle of types in our own sources", () => {
    const seeded = importsIn("protocol/events.ts", 'export type X = import("../edge/app.ts").App;');
    expect(cyclesIn([...imports, ...seeded]).flat()).toContain("protocol/events.ts");
  });
});

test("every source file is compiled by one project, with the types of the environment it runs in", {
  timeout: 120_000,
}, () => {
  interface Project {
    compilerOptions: { types?: string[]; lib?: string[] };
    files: string[];
  }
  const tsc = join(SRC, "../node_modules/.bin/tsc");
  const compiled: { file: string; types: string[]; dom: boolean }[] = [];
  for (const config of globSync("**/tsconfig.json", { cwd: SRC })) {
    const folder = join(SRC, config, "..");
    const shown = execFileSync(tsc, ["--showConfig", "-p", folder], { encoding: "utf8" });
    const { compilerOptions, files } = JSON.parse(shown) as Project;
    const { types = [], lib = [] } = compilerOptions;
    for (const file of files)
      compiled.push({ file: relative(SRC, join(folder, file)), types, dom: lib.includes("dom") });
  }
  const expected = files.map((file) => ({ file, ...ENVIRONMENTS[folderOf(file, Object.keys(ENVIRONMENTS)) ?? ""] }));
  const byFile = (a: { file: string }, b: { file: string }) => a.file.localeCompare(b.file);
  expect(compiled.sort(byFile)).toEqual(expected.sort(byFile));
});
