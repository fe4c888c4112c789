import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./loopback.ts";
import { areInstalled } from "./optional-programs.ts";
import { endProcess, endWithThisProcess, hasExited } from "./processes.ts";

/** A real Redis for the tests, on a free port of this machine, which tests can kill and restart. */

const START_TIMEOUT_MS = 45_000;
const RETRY_MS = 20;
/** How much of what Redis printed an error shows. */
const MAX_LOG_LENGTH = 16 * 1024;
const PROGRAMS = ["redis-server", "redis-cli"];

/** Replies with a few entries of the largest size are longer than the default of one megabyte. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

export interface RedisOptions {
  /** Default: a free one. */
  port?: number;
  /** Where it stores its data. Default: a temporary directory, removed at the end. */
  dir?: string;
  /** How often its log is synced to disk. Default: nothing is stored, so a kill loses everything. */
  appendfsync?: "everysec" | "always";
}

/**
 * Whether Redis is installed; see `areInstalled`.
 * @example describe.skipIf(!hasRedis("the bridge"))("the bridge", () => …)
 */
export function hasRedis(untested: string): boolean {
  const missing = PROGRAMS.filter((program) => spawnSync(program, ["--version"]).status !== 0);
  return areInstalled(missing, untested, "Debian: redis-server, macOS: brew install redis");
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
  /** Stays the same after the first start, so that clients can reconnect. */
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

  /** Runs `redis-cli`. @returns Its output, without the final newline. */
  async cli(...args: string[]): Promise<string> {
    const words = ["-h", "127.0.0.1", "-p", String(this.#port), ...args];
    const { stdout } = await promisify(execFile)("redis-cli", words, { maxBuffer: MAX_REPLY_BYTES });
    return stdout.trimEnd();
  }

  /** Ends the process with a signal and waits until it has exited. For other signals there is `signal()`. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await endProcess(this.#process, signal);
  }

  /** Sends a signal without waiting: after `SIGSTOP` Redis accepts connections but never answers. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Starts Redis (again) on the same port with its stored data; kills it first if it runs. */
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

  /** Kills Redis and removes its data, unless the directory was given. */
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

  /** Whether this process answers, and not another one that took the port. */
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
