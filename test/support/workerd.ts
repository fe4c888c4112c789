import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as z from "zod";
import { GuardedOutput } from "./leak-guard/process-output.ts";
import { endProcess, endWithThisProcess } from "./processes.ts";
import { TEST_ENV } from "./test-env.ts";
import { runtimeConfig, type WorkerdOptions, wranglerConfig } from "./workerd-config.ts";

/**
 * A Worker on the bare runtime, without the proxy of `wrangler dev`, which costs time and hides the process. Its storage
 * is on disk, so that tests can kill and restart it.
 */

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
/** Time limit for a start, which normally takes 0.1 s. */
const START_TIMEOUT_MS = 45_000;
/** How much of the output an error shows. */
const MAX_LOG_LENGTH = 64 * 1024;

/** The line of JSON that the runtime writes to its control descriptor when it listens. */
const listenMessage = z.object({ event: z.literal("listen"), socket: z.literal("http"), port: z.int() });

/** Builds a Worker and runs it with the compatibility date and flags of `wrangler.toml`. */
export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const directory = await mkdtemp(join(tmpdir(), "tidings-workerd-"));
  const workerd = new Workerd(directory, options);
  try {
    await mkdir(join(directory, "storage"));
    await workerd.deploy({});
    return workerd;
  } catch (error) {
    await workerd.stop();
    throw error;
  }
}

/**
 * Runs the service as configured in `wrangler.toml`, with the settings of the tests and then `vars` on top.
 * @param entry A module with the exports of the service, for tests that modify it.
 */
export function startTidings(
  vars: Record<string, string> = {},
  entry = "src/index.ts",
  options: Pick<WorkerdOptions, "isQuiet" | "storage"> = {},
): Promise<Workerd> {
  const { durable_objects: objects, vars: defaults } = wranglerConfig;
  return startWorkerd({
    ...options,
    entry,
    bindings: { ...defaults, ...TEST_ENV, ...vars },
    durableObjects: Object.fromEntries(objects.bindings.map(({ name, class_name }) => [class_name, name])),
  });
}

/** A runtime process, started with `startWorkerd` or `startTidings`. */
export class Workerd {
  /** Holds its configuration, its script and, in `storage`, the data of its objects; removed by `stop`. */
  readonly directory: string;
  #options: WorkerdOptions;
  /** The output of each process. */
  readonly #outputs: GuardedOutput[] = [];
  #process: ChildProcess | undefined;
  /** Chosen by the system at the first start; stays the same after that, so that clients can reconnect. */
  #port = 0;
  #log = "";

  constructor(directory: string, options: WorkerdOptions) {
    this.directory = directory;
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get process(): ChildProcess {
    if (!this.#process) throw new Error("workerd is not running");
    return this.#process;
  }

  get pid(): number {
    return Number(this.process.pid);
  }

  /** The last 64 KB of output since the first start. */
  get log(): string {
    return this.#log;
  }

  /** Ends the process; its storage stays. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await endProcess(this.#process, signal);
  }

  /** Builds the Worker with some options changed, and starts it over the same storage. */
  async deploy(changes: Partial<WorkerdOptions>): Promise<void> {
    this.#options = { ...this.#options, ...changes };
    await writeFile(join(this.directory, "worker.js"), await bundleOf(this.#options.entry));
    await this.restart();
  }

  get options(): Readonly<WorkerdOptions> {
    return this.#options;
  }

  /** Starts the process (again) on the same port with the same storage; kills it first if it runs. */
  async restart(): Promise<void> {
    await this.kill();
    await writeFile(join(this.directory, "config.capnp"), runtimeConfig(this.#options));
    const child = spawn(
      workerdBinary(),
      ["serve", "--control-fd=3", `--socket-addr=http=127.0.0.1:${this.#port}`, "config.capnp"],
      { cwd: this.directory, stdio: ["ignore", this.#options.isQuiet ? "ignore" : "pipe", "pipe", "pipe"] },
    );
    this.#process = child;
    this.#outputs.push(new GuardedOutput(child));
    endWithThisProcess(child);
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => this.#keepLog(String(text)));
    this.#port = await this.#listening(child);
  }

  /**
   * Ends the process and removes its storage.
   * @throws when it printed a token, a key or a payload.
   */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
    for (const output of this.#outputs) await output.expectClean("workerd");
  }

  /** @returns The port, as soon as the runtime listens. */
  async #listening(child: ChildProcess): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const fail = (reason: string) => reject(new Error(`workerd ${reason}. It printed:\n${this.#log || "nothing"}`));
    const timer = setTimeout(() => fail(`did not listen within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    // "close" comes after the last byte of stderr; "exit" may come before it.
    child.once("close", (code, signal) => fail(`ended at its start with ${signal ?? code}`));
    const messages = createInterface(child.stdio[3] as Readable);
    messages.on("line", (line) => {
      const { success, data } = listenMessage.safeParse(JSON.parse(line));
      if (success) resolve(data.port);
    });
    try {
      return await promise;
    } catch (error) {
      await this.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #keepLog(text: string): void {
    this.#log = (this.#log + text).slice(-MAX_LOG_LENGTH);
  }
}

/** By entry: each Worker is bundled once per process. */
const bundles = new Map<string, Promise<string>>();

function bundleOf(entry: string): Promise<string> {
  const bundle = bundles.get(entry) ?? bundled(entry);
  bundles.set(entry, bundle);
  return bundle;
}

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [resolve(ROOT, entry)],
    write: false,
    bundle: true,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

/** The runtime of the installed wrangler, so that there is only one version. */
function workerdBinary(): string {
  return createRequire(import.meta.resolve("wrangler"))("workerd").default;
}
