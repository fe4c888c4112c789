import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { endProcess, endWithThisProcess, hasExited } from "./processes.ts";

/** A Redis of the tests' own: the real one, on a free port of this machine, which can be killed and started again. */

const START_TIMEOUT_MS = 15_000;
const RETRY_MS = 20;
/** How much of what Redis printed an error shows. */
const MAX_LOG_LENGTH = 16 * 1024;
const PROGRAMS = ["redis-server", "redis-cli"];

export interface RedisOptions {
  /** One that is free when it is not given. */
  port?: number;
  /** Where it stores its data; one of its own, removed at the end, when it is not given. */
  dir?: string;
  /** How often its log is forced to the disk. Without it nothing is stored, and a kill loses everything. */
  appendfsync?: "everysec" | "always";
}

/**
 * Whether Redis is installed. When it is not, says what goes untested for that; in CI that is an error.
 * @example describe.skipIf(!hasRedis("the bridge"))("the bridge", () => …)
 */
export function hasRedis(untested: string): boolean {
  const missing = PROGRAMS.filter((program) => spawnSync(program, ["--version"]).status !== 0);
  if (missing.length === 0) return true;
  const message = `NOT TESTED: ${untested}. It needs ${missing.join(" and ")} (Debian: redis-server, macOS: brew install redis).`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`\n${message}\n`);
  return false;
}

/** Starts a Redis and waits until it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "tidings-redis-")));
  const redis = new RedisServer(options, dir);
  try {
    await redis.restart();
    return redis;
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

/** A Redis that `startRedis` started. */
export class RedisServer {
  readonly dir: string;
  readonly #options: RedisOptions;
  #process: ChildProcess | undefined;
  /** Kept from the first start on, so that clients can come back. */
  #port: number;
  #log = "";

  constructor(options: RedisOptions, dir: string) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.dir = dir;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error("Redis does not run");
    return this.#process.pid;
  }

  /** Runs `redis-cli`. @returns What it printed, without the last line break. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("redis-cli", ["-h", "127.0.0.1", "-p", String(this.#port), ...args]);
    return stdout.trimEnd();
  }

  /** Ends the process with a signal, and waits until it has gone. Signals that do not end a process: `signal()`. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await endProcess(this.#process, signal);
  }

  /** Sends a signal and does not wait: `SIGSTOP` makes a Redis that accepts connections and never answers. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Starts it again on the same port with what it stored; ends it first when it runs. */
  async restart(): Promise<void> {
    await this.kill();
    this.#port ||= await freePort();
    const { appendfsync } = this.#options;
    const child = spawn(
      "redis-server",
      [
        ...["--port", String(this.#port), "--bind", "127.0.0.1", "--dir", this.dir, "--save", ""],
        ...["--appendonly", appendfsync ? "yes" : "no", "--appendfsync", appendfsync ?? "no"],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#process = child;
    endWithThisProcess(child);
    child.once("error", (error) => this.#keepLog(error.message));
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => this.#keepLog(String(text)));
    await this.#untilReady(child);
  }

  /** Ends it and removes what it stored, unless the directory was given. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#options.dir === undefined) await rm(this.dir, { recursive: true, force: true });
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.#answers(child))) {
      if (hasExited(child)) throw new Error(`Redis ended at its start. It printed:\n${this.#log}`);
      if (Date.now() > deadline) {
        throw new Error(`Redis did not answer within ${START_TIMEOUT_MS} ms. It printed:\n${this.#log}`);
      }
      await wait(RETRY_MS);
    }
  }

  /** Whether this very process answers, and not one that took the port before it. */
  async #answers(child: ChildProcess): Promise<boolean> {
    try {
      return (
        (await this.cli("PING")) === "PONG" && (await this.cli("INFO", "server")).includes(`process_id:${child.pid}\r`)
      );
    } catch {
      return false;
    }
  }

  #keepLog(text: string): void {
    this.#log = (this.#log + text).slice(-MAX_LOG_LENGTH);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server's address is never text.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
