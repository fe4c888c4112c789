import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, glob, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";

/**
 * Builds the npm package `tidings`: the SDK and the publishers, without the service and without dependencies.
 *
 *     node src/sdk/package/build.ts [directory]
 *
 * The directory, by default `dist/package`, is created. If it exists, it must be empty or hold an earlier build, which is
 * removed first.
 *
 * Modules are compiled one by one and not bundled, so that a page's bundler includes only the modules that it needs.
 */

const ROOT = join(import.meta.dirname, "../../..");
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");

/** The package's entries, and their modules below `src`. */
const ENTRIES = Object.entries({
  "tidings/client": "sdk/index",
  "tidings/client/tabs": "sdk/tabs/tabs",
  "tidings/react": "sdk/hooks/react",
  "tidings/vue": "sdk/hooks/vue",
  "tidings/publisher": "sdk/publisher/publisher",
});

/** Files of the package that are copied as they are. */
const COPIED = ["LICENSE", "src/sdk/package/README.md", "src/sdk/python/publisher.py"];

/** What a build writes into its directory: `tsconfig.json` until the compiler has run, and `dist` for its output. */
const WRITTEN = new Set(["package.json", "tsconfig.json", "dist", ...COPIED.map((file) => basename(file))]);
/** `npm pack` writes its archive there as well. */
const ARCHIVE = /^tidings-.*\.tgz$/;

/**
 * Builds the package and returns the names of its entries.
 * @param directory Created, or emptied if it holds an earlier build.
 * @throws if the directory holds anything else.
 */
export async function buildPackage(directory: string): Promise<string[]> {
  await removeEarlierBuild(directory);
  await mkdir(directory, { recursive: true });
  // First, so that a build that fails can be recognized and removed, too.
  await writeFile(join(directory, "package.json"), `${JSON.stringify(await manifest(), null, 2)}\n`);
  await compile(directory);
  for (const file of COPIED) await copyFile(join(ROOT, file), join(directory, basename(file)));
  return ENTRIES.map(([name]) => name);
}

async function removeEarlierBuild(directory: string): Promise<void> {
  const names = existsSync(directory) ? await readdir(directory) : [];
  if (names.length > 0) {
    const areBuilt = names.every((name) => WRITTEN.has(name) || ARCHIVE.test(name));
    const text = areBuilt ? await readFile(join(directory, "package.json"), "utf8").catch(() => "") : "";
    if (!/^\{\s*"name": ?"tidings"/.test(text)) {
      throw new Error(`${directory} is not empty and not an earlier build of the package: choose another directory`);
    }
  }
  await rm(directory, { recursive: true, force: true });
}

/** Compiles JavaScript and declarations with a browser's types alone: neither Node's nor the Workers platform's. */
async function compile(directory: string): Promise<void> {
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      target: "es2022",
      lib: ["es2024", "dom", "dom.iterable"],
      types: [],
      typeRoots: [join(ROOT, "node_modules/@types")],
      composite: false,
      emitDeclarationOnly: false,
      declaration: true,
      sourceMap: true,
      // The package does not contain the sources.
      inlineSources: true,
      rewriteRelativeImportExtensions: true,
      rootDir: join(ROOT, "src"),
      outDir: join(directory, "dist"),
    },
    include: [],
    files: ENTRIES.map(([, module]) => join(ROOT, "src", `${module}.ts`)),
  };
  const path = join(directory, "tsconfig.json");
  await writeFile(path, JSON.stringify(config));
  await promisify(execFile)(process.execPath, [COMPILER, "-p", path]).catch((error: { stdout?: string }) => {
    throw new Error(`The package does not compile:\n${error.stdout || error}`);
  });
  await rm(path);
  // The compiler rewrites import paths in JavaScript only, and older compilers reject `.ts` in declarations.
  for await (const file of glob(join(directory, "dist/**/*.d.ts"))) {
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(/(from |import\()"(\.{1,2}\/[^"]+)\.tsx?"/g, '$1"$2.js"'));
  }
}

async function manifest(): Promise<Record<string, unknown>> {
  const { name, version, description, license } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines: { node: ">=22" },
    sideEffects: false,
    exports: {
      ...Object.fromEntries(
        ENTRIES.map(([entry, module]) => [
          entry.replace("tidings", "."),
          { types: `./dist/${module}.d.ts`, default: `./dist/${module}.js` },
        ]),
      ),
      "./package.json": "./package.json",
    },
    files: ["dist", "publisher.py"],
    // `useSyncExternalStore` came with React 18, `toValue` with Vue 3.3.
    peerDependencies: { react: ">=18", vue: ">=3.3" },
    peerDependenciesMeta: { react: { optional: true }, vue: { optional: true } },
  };
}

if (import.meta.main) {
  const directory = resolve(process.argv[2] ?? join(ROOT, "dist/package"));
  console.log(`${directory}: ${(await buildPackage(directory)).join(", ")}`);
}
