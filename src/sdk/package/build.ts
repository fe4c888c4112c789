import { execFile } from "node:child_process";
import { copyFile, glob, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/**
 * Builds the npm package `tidings`: the SDK and the publishers, without the service and without dependencies.
 *
 *     node src/sdk/package/build.ts [directory]
 *
 * Modules are compiled one by one and not bundled, so that a page's bundler includes only the modules that it needs.
 */

const ROOT = join(import.meta.dirname, "../../..");
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
const DEFAULT_DIRECTORY = "dist/package";

/** The package's entries, and their modules below `src`. */
const ENTRIES: Record<string, string> = {
  "tidings/client": "sdk/index",
  "tidings/client/tabs": "sdk/tabs/tabs",
  "tidings/react": "sdk/hooks/react",
  "tidings/vue": "sdk/hooks/vue",
  "tidings/publisher": "sdk/publisher/publisher",
};

const README = `# Tidings

Real-time order and product updates in browsers: an SDK for pages, and publishers for services.

In a page, the SDK reconnects automatically and delivers every missed event once. If the history no longer has them, it
calls \`onGap\`:

\`\`\`ts
import { connectOrder } from "tidings/client"; // connectProducts, too; "tidings/client/tabs" shares a socket between tabs

const connection = connectOrder(orderId, {
  url: "https://tidings.example.workers.dev",
  async getToken() {
    const response = await fetch("/api/token", { method: "POST" }); // your backend, which knows the signed-in user
    if (!response.ok) throw new Error(\`no token: \${response.status}\`); // the SDK retries
    return response.text();
  },
  onSnapshot: ({ current_status }) => show(current_status),
  onEvent: (event) => event.type === "order_shipped" && showTracking(event.data.tracking_number),
});
\`\`\`

- React: \`const { order, isStale } = useOrderUpdates(orderId, { url, getToken });\` from \`tidings/react\`.
- Vue: \`const { order, isStale } = useOrderUpdates(() => props.orderId, { url, getToken });\` from \`tidings/vue\`.

In a service:

\`\`\`ts
import { createPublisher } from "tidings/publisher";

const publisher = createPublisher({ url: process.env.TIDINGS_URL, key: process.env.TIDINGS_KEY });
await publisher.publishOrderUpdate(orderId, "order_shipped", { carrier: "UPS", tracking_number: "1Z999AA10123456784" });
\`\`\`

For Python, copy \`publisher.py\` from this package to \`tidings.py\` in your project.
`;

/** Builds the package and returns the names of its entries. */
export async function buildPackage(directory: string): Promise<string[]> {
  const entries = Object.entries(ENTRIES);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await compile(
    directory,
    entries.map(([, module]) => join(ROOT, "src", `${module}.ts`)),
  );
  await writeFile(join(directory, "package.json"), `${JSON.stringify(await manifest(entries), null, 2)}\n`);
  await writeFile(join(directory, "README.md"), README);
  await copyFile(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
  await copyFile(join(ROOT, "src/sdk/python/publisher.py"), join(directory, "publisher.py"));
  return entries.map(([name]) => name);
}

/** Compiles JavaScript and declarations with a browser's types alone: neither Node's nor the Workers platform's. */
async function compile(directory: string, files: string[]): Promise<void> {
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
    files,
  };
  const path = join(directory, "tsconfig.json");
  await writeFile(path, JSON.stringify(config));
  await promisify(execFile)(process.execPath, [COMPILER, "-p", path]).catch((error: { stdout?: string }) => {
    throw new Error(`The package does not compile:\n${error.stdout ?? error}`);
  });
  await rm(path);
  // The compiler rewrites import paths in JavaScript only, and older compilers reject `.ts` in declarations.
  for await (const file of glob(join(directory, "dist/**/*.d.ts"))) {
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(/(from |import\()"(\.{1,2}\/[^"]+)\.tsx?"/g, '$1"$2.js"'));
  }
}

async function manifest(entries: [name: string, module: string][]): Promise<Record<string, unknown>> {
  const { name, version, description, license } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines: { node: ">=20" },
    sideEffects: false,
    exports: {
      ...Object.fromEntries(
        entries.map(([entry, module]) => [
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
  const directory = resolve(process.argv[2] ?? join(ROOT, DEFAULT_DIRECTORY));
  console.log(`${directory}: ${(await buildPackage(directory)).join(", ")}`);
}
