import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPackage } from "../../../src/sdk/package/build.ts";
import { allText } from "../../support/documents.ts";

/** The npm package as users install it: packed, unpacked into a project of its own, imported, bundled, type-checked. */

const ROOT = join(import.meta.dirname, "../../..");
/** The limit for the SDK's core, and for a publisher, minified and compressed. */
const MAX_BYTES = 5 * 1024;
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
const run = promisify(execFile);

/** For each entry, a program that a user could write. Type-checked in strict mode. */
const PROGRAMS: Record<string, string> = {
  "tidings/client": `
import { connectOrder, connectProducts } from "tidings/client";
const getToken = () => Promise.resolve("token");
export const order = connectOrder("id", {
  getToken,
  url: "https://tidings.example",
  onEvent: (event) => (event.type === "order_shipped" ? event.data.tracking_number?.length : undefined),
});
connectProducts({
  getToken,
  // @ts-expect-error products have no order events
  onEvent: (event) => event.type === "order_shipped",
});
declare module "tidings/client" {
  interface ExtraOrderEvents { order_refunded: { amount: number } }
}
connectOrder("id", {
  getToken,
  onEvent(event) {
    if (event.type === "order_refunded") (event.data.amount satisfies number, event.data.order_id satisfies string);
    if (event.type === "order_shipped") event.data.carrier satisfies string | null | undefined;
    // @ts-expect-error a type that nothing declares
    return event.type === "order_eaten";
  },
});`,
  "tidings/client/tabs": `
import { connectOrder } from "tidings/client";
import { onceAcrossTabs, sharedTabs } from "tidings/client/tabs";
export const once = onceAcrossTabs("id", () => new Notification("Your order is on its way"));
export const order = connectOrder("id", { getToken: () => "token", shared: sharedTabs() });`,
  "tidings/react": `
import { useOrderUpdates, useProductUpdates } from "tidings/react";
export function useShop(orderId: string | null) {
  const { order, isConnected } = useOrderUpdates(orderId, "token");
  return { order, isConnected, products: useProductUpdates("token").products };
}`,
  "tidings/vue": `
import { useOrderUpdates } from "tidings/vue";
export const { order, isConnected } = useOrderUpdates(() => "id", "token");
export const isThere: boolean = isConnected.value;`,
  "tidings/publisher": `
import { createPublisher, createStreamPublisher, PublishError, type PublishAnswer } from "tidings/publisher";
const publisher = createPublisher({ url: "https://tidings.example", key: "key", batch: { maxDelayMs: 5 } });
export const answer: Promise<PublishAnswer> = publisher.publishOrderUpdate("id", "order_shipped", { carrier: "UPS" });
export const queued = createStreamPublisher({ redis: { command: async () => null } });
// @ts-expect-error a price is a number
void publisher.publishProductUpdate("price_updated", { product_id: "p", new_price: "9.99" });
declare module "tidings/publisher" {
  interface ExtraProductEvents { stock_reserved: { quantity: number } }
}
void publisher.publishProductUpdate("stock_reserved", { product_id: "p", quantity: 1, warehouse: "A" });
void publisher.publishBatch([{ channel: "products", type: "stock_reserved", data: { product_id: "p", quantity: 1 } }]);
// @ts-expect-error a product event needs a product_id
void publisher.publishProductUpdate("stock_reserved", { quantity: 1 });
// @ts-expect-error a type that nothing declares
void publisher.publishProductUpdate("stock_eaten", { product_id: "p" });
export const isOurs = (error: unknown) => error instanceof PublishError && error.ids.length > 0;`,
};

/** Names that the package's README uses without declaring them. */
const README_GLOBALS = `
declare const orderId: string, url: string, props: { orderId: string };
declare const process: { env: Record<string, string | undefined> };
declare function getToken(): Promise<string>;
declare function show(status: string | null): void;
declare function showTracking(number: string | null | undefined): void;`;

/** Names that the examples of the manual use without declaring them. */
const MANUAL_GLOBALS = `
import type { ReactNode } from "react";
declare global {
  const orderId: string, url: string, token: string, order: { id: string }, banner: { hidden: boolean };
  type Product = { id: string; quantity: number };
  function getToken(): Promise<string>;
  function reload(): void;
  function show(...shown: (string | null | undefined)[]): void;
  function showTracking(number: string | null | undefined): void;
  function SignIn(): ReactNode;
}`;

let directory: string;
let project: string;
let entries: string[];
/** The package as npm would publish it. */
let tarball: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidings-package-"));
  project = join(directory, "project");
  const installed = join(project, "node_modules/tidings");
  await mkdir(installed, { recursive: true });
  entries = await buildPackage(join(directory, "package"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", directory], {
    cwd: join(directory, "package"),
  });
  const [{ filename }] = JSON.parse(stdout);
  tarball = join(directory, filename);
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components", "1"]);
  for (const name of ["react", "vue", "@types", "csstype", "@vue", "jose", "undici-types"]) {
    await symlink(join(ROOT, "node_modules", name), join(project, "node_modules", name));
  }
  await writeFile(join(project, "package.json"), JSON.stringify({ type: "module" }));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Bundles code as a page would: one minified file without unused modules. */
async function bundle(code: string, external: string[] = ["react", "vue"]) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: project },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external,
    write: false,
    metafile: true,
    legalComments: "none",
  });
  const text = outputFiles[0]?.text ?? "";
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path.split("/dist/")[1]] : [])),
  );
  return { text, modules, gzipBytes: gzipSync(text, { level: 9 }).length };
}

/** Returns the errors that the compiler reports for a user's files in strict mode. */
async function compilerErrors(resolution: string, include: string[], types: string[] = []): Promise<string> {
  const compilerOptions = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    jsx: "react-jsx",
    types,
    module: resolution === "bundler" ? "esnext" : resolution,
    moduleResolution: resolution,
  };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include }));
  const { stdout } = await run(process.execPath, [COMPILER, "-p", project]).catch((error) => error);
  return stdout;
}

describe("the package", () => {
  test("has an entry for services, and this test has a program for every entry", () => {
    expect(entries).toContain("tidings/publisher");
    expect(entries.filter((entry) => !(entry in PROGRAMS))).toEqual([]);
  });

  test("has no dependencies; React and Vue are optional peers", async () => {
    const manifest = JSON.parse(await readFile(join(project, "node_modules/tidings/package.json"), "utf8"));
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.peerDependencies)).toEqual(Object.keys(manifest.peerDependenciesMeta));
    const files = await readdir(join(project, "node_modules/tidings/dist"), { recursive: true });
    const imported = new Set<string>();
    for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
      const text = await readFile(join(project, "node_modules/tidings/dist", file), "utf8");
      for (const [, name = ""] of text.matchAll(/^(?! *\*).*(?:from |import\()"([^"]+)"/gm)) {
        if (!name.startsWith(".")) imported.add(name);
      }
    }
    expect([...imported].filter((name) => !(name in manifest.peerDependencies))).toEqual([]);
  });

  test("asks for the version of Node that the manual asks for", async () => {
    const manifest = JSON.parse(await readFile(join(project, "node_modules/tidings/package.json"), "utf8"));
    const [, version] = /runs in browsers, Node (\d+)\s+or\s+newer/.exec(allText()) ?? [];
    expect(manifest.engines).toEqual({ node: `>=${version}` });
  });

  test("can be installed without a registry", async () => {
    const shop = join(directory, "shop");
    await mkdir(shop);
    await writeFile(join(shop, "package.json"), "{}");
    await run("npm", ["install", "--offline", "--no-audit", tarball], { cwd: shop });
    expect(await readdir(join(shop, "node_modules"))).toContain("tidings");
  });

  test.each([
    { vue: "3.3.0", react: "18.0.0", invalid: null },
    { vue: "3.2.47", react: "18.0.0", invalid: "vue@3.2.47" },
    { vue: "3.3.0", react: "17.0.2", invalid: "react@17.0.2" },
  ])("beside vue $vue and react $react, npm calls invalid: $invalid", async ({ vue, react, invalid }) => {
    const shop = join(directory, `shop-${vue}-${react}`);
    const installed = { tidings: await readFile(join(directory, "package/package.json"), "utf8") };
    const peers = {
      vue: JSON.stringify({ name: "vue", version: vue }),
      react: JSON.stringify({ name: "react", version: react }),
    };
    for (const [name, manifest] of Object.entries({ ...installed, ...peers })) {
      await mkdir(join(shop, "node_modules", name), { recursive: true });
      await writeFile(join(shop, "node_modules", name, "package.json"), manifest);
    }
    await writeFile(join(shop, "package.json"), JSON.stringify({ dependencies: { tidings: "*", vue, react } }));
    const listing = run("npm", ["ls", "--all"], { cwd: shop });
    if (invalid === null) await listing;
    else await expect(listing).rejects.toThrow(`invalid: ${invalid} `);
  });

  test("replaces an earlier build, even one that failed, but no other files", async () => {
    const built = join(directory, "rebuilt");
    await mkdir(join(built, "dist"), { recursive: true });
    for (const name of ["package.json", "tsconfig.json", "tidings-0.1.0.tgz", "dist/old.js"]) {
      await writeFile(join(built, name), '{"name":"tidings"}');
    }
    await buildPackage(built);
    expect((await readdir(built)).sort()).toEqual(["LICENSE", "README.md", "dist", "package.json", "publisher.py"]);
    expect(await readdir(join(built, "dist"))).not.toContain("old.js");

    const others = [
      { "package.json": '{"name":"tidings"}', "notes.txt": "" },
      { "package.json": '{"name":"shop"}', "README.md": "" },
      { "publisher.py": "" },
    ];
    for (const files of others) {
      const own = await mkdtemp(join(directory, "own-"));
      for (const [name, text] of Object.entries(files)) await writeFile(join(own, name), text);
      await expect(buildPackage(own)).rejects.toThrow("not an earlier build of the package");
      expect((await readdir(own)).sort()).toEqual(Object.keys(files).sort());
    }
  });

  test("is not built without the compiler, and the error says why", async () => {
    const copy = join(directory, "copy");
    await mkdir(join(copy, "src/sdk/package"), { recursive: true });
    for (const file of ["package.json", "src/sdk/package/build.ts"]) await copyFile(join(ROOT, file), join(copy, file));
    await expect(run(process.execPath, [join(copy, "src/sdk/package/build.ts")])).rejects.toThrow("Cannot find module");
  });

  test("contains the Python module, the licence, and no unexpected file", async () => {
    const files = await readdir(join(project, "node_modules/tidings"));
    expect(files.sort()).toEqual(["LICENSE", "README.md", "dist", "package.json", "publisher.py"]);
  });

  test("can be imported in Node, entry by entry, without side effects", async () => {
    for (const entry of entries) {
      const program = `console.log(Object.keys(await import("${entry}")).length > 0)`;
      const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { cwd: project });
      expect(stdout).toBe("true\n");
    }
  });

  test("can be required from CommonJS, entry by entry", async () => {
    for (const entry of entries) {
      const program = `console.log(Object.keys(require("${entry}")).length > 0)`;
      const { stdout } = await run(process.execPath, ["--input-type=commonjs", "-e", program], { cwd: project });
      expect(stdout).toBe("true\n");
    }
  });

  test("documents every entry in its README, with code that compiles", async () => {
    const readme = await readFile(join(project, "node_modules/tidings/README.md"), "utf8");
    expect(entries.filter((entry) => !new RegExp(`["\`]${entry}["\`]`).test(readme))).toEqual([]);
    const shown = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
    const hooks = [...readme.matchAll(/`(const .*)` from `(tidings\/.*)`/g)].map(
      ([, code, entry]) => `import { useOrderUpdates } from "${entry}";\n${code}\nconsole.log(order, isStale);`,
    );
    expect([shown.length, hooks.length]).toEqual([2, 2]);
    for (const [i, code] of [...shown, ...hooks].entries()) {
      await writeFile(join(project, `readme-${i}.ts`), `${README_GLOBALS}\n${code}\nexport {};`);
    }
    expect(await compilerErrors("bundler", ["readme-*.ts"])).toBe("");
  });

  test("compiles with every TypeScript example of the manual", async () => {
    const examples = [...allText().matchAll(/```tsx?\n(.*?)```/gs)].map(([, code = ""]) => code);
    expect(examples.length).toBeGreaterThan(3);
    await writeFile(join(project, "manual-globals.ts"), MANUAL_GLOBALS);
    for (const [i, code] of examples.entries()) {
      const needsConnect = code.includes("connectOrder(") && !/import .*connectOrder/.test(code);
      const imports = needsConnect ? `import { connectOrder } from "tidings/client";\n` : "";
      await writeFile(join(project, `manual-${i}.tsx`), `${imports}${code}\nexport {};`);
    }
    expect(await compilerErrors("bundler", ["manual-*"], ["node"])).toBe("");
  });

  test.each(["bundler", "node16", "nodenext"])(
    "type-checks in a strict project with module resolution %s",
    async (resolution) => {
      for (const [i, entry] of entries.entries()) {
        await writeFile(join(project, `program-${i}.ts`), PROGRAMS[entry] ?? "");
      }
      expect(await compilerErrors(resolution, ["program-*.ts"])).toBe("");
    },
  );

  test("is small, and loads only what is imported", async () => {
    const http = await bundle(`export { createPublisher } from "tidings/publisher"`);
    const stream = await bundle(`export { createStreamPublisher } from "tidings/publisher"`);
    console.log(`publisher: ${http.gzipBytes} bytes (over HTTP), ${stream.gzipBytes} bytes (through Redis)`);
    expect(http.modules).toContain("sdk/publisher/service-call.js");
    expect(http.modules).not.toContain("sdk/publisher/stream-publisher.js");
    expect(stream.modules).not.toContain("sdk/publisher/service-call.js");
    expect(http.gzipBytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(stream.gzipBytes).toBeLessThanOrEqual(MAX_BYTES);
    const core = await bundle(`export * from "tidings/client"`);
    console.log(`core: ${core.gzipBytes} bytes of ${MAX_BYTES}`);
    expect(core.gzipBytes).toBeLessThanOrEqual(MAX_BYTES);
    const { modules, text } = await bundle(`import { connectOrder } from "tidings/client"; console.log(connectOrder)`);
    expect(modules.filter((name) => /react|vue|tabs|publisher/.test(name ?? ""))).toEqual([]);
    expect(text).not.toMatch(/from"(react|vue)"/);
  });
});
