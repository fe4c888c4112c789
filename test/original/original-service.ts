import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import { GuardedOutput } from "../support/leak-guard/process-output.ts";
import { freePort } from "../support/loopback.ts";
import { areInstalled } from "../support/optional-programs.ts";
import { endProcess, endWithThisProcess } from "../support/processes.ts";
import { TEST_ENV } from "../support/test-env.ts";

/** The service that Tidings replaces (`app/`), as a process beside a real Redis, and the shop's programs that publish. */

/** Debian's packages belong to this interpreter, whichever `python3` is first in the PATH. */
const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
const MODULES = ["fastapi", "uvicorn", "wsproto", "redis", "jwt"];

/**
 * Whether Python has the original's libraries; see `areInstalled`.
 * @example describe.skipIf(!hasOriginal("moving from the original"))("…", () => …)
 */
export function hasOriginal(untested: string): boolean {
  const missing = MODULES.filter((module) => spawnSync(PYTHON, ["-c", `import ${module}`]).status !== 0);
  return areInstalled(
    missing,
    untested,
    "Debian: python3-fastapi python3-uvicorn python3-redis python3-jwt; elsewhere, set PYTHON to an interpreter that has them",
  );
}

export interface PublishedEvent {
  /** Null for an event of the products channel. */
  order_id: string | null;
  type: string;
  data: object;
}

export class OriginalService {
  readonly url: string;
  readonly #directory: string;
  readonly #redisUrl: string;
  readonly #outputs: GuardedOutput[] = [];
  #process: ChildProcess | undefined;

  private constructor(url: string, directory: string, redisUrl: string) {
    this.url = url;
    this.#directory = directory;
    this.#redisUrl = redisUrl;
  }

  /** Chooses its address and an empty database; `restart` starts it. */
  static async create(redisUrl: string): Promise<OriginalService> {
    const directory = await mkdtemp(join(tmpdir(), "tidings-original-"));
    return new OriginalService(`http://127.0.0.1:${await freePort()}`, directory, redisUrl);
  }

  kill(): Promise<void> {
    return endProcess(this.#process, "SIGKILL");
  }

  /** Starts the process (again) with the same orders on the same port; kills it first if it runs. */
  async restart(): Promise<void> {
    await this.kill();
    // Below this level uvicorn logs tokens.
    const words = ["-m", "uvicorn", "app.main:app", "--port", new URL(this.url).port, "--log-level", "warning"];
    const child = spawn(PYTHON, words, { cwd: import.meta.dirname, env: this.#env });
    this.#process = child;
    this.#outputs.push(new GuardedOutput(child));
    endWithThisProcess(child);
    await eventually(async () => expect((await fetch(`${this.url}/api/v1/ws/health`)).status).toBe(200));
  }

  /** Ends the process and removes its orders. @throws when it printed a token, a key or a payload. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
    for (const output of this.#outputs) await output.expectClean("the original service");
  }

  /** Runs a program of the shop, which may `await` and import from `app`. @throws with its output when it fails. */
  async run(program: string): Promise<void> {
    const running = promisify(execFile)(PYTHON, ["-"], { cwd: import.meta.dirname, env: this.#env });
    const main = program.replace(/^/gm, "    ");
    running.child.stdin?.end(`import asyncio\nasync def main():\n${main}\nasyncio.run(main())\n`);
    await running;
  }

  /** Publishes events as the original's documentation does. */
  publish(events: PublishedEvent[]): Promise<void> {
    return this.run(`
import json
from app.api.ws import publish_order_update, publish_product_update
for event in json.loads(${JSON.stringify(JSON.stringify(events))}):
    if event["order_id"]:
        await publish_order_update(order_id=event["order_id"], event_type=event["type"], data=event["data"])
    else:
        await publish_product_update(event_type=event["type"], data=event["data"])`);
  }

  get #env(): NodeJS.ProcessEnv {
    const { JWT_SECRET, BACKEND_CORS_ORIGINS } = TEST_ENV;
    const { PATH, HOME } = process.env;
    return {
      PATH,
      HOME,
      PYTHONDONTWRITEBYTECODE: "1",
      JWT_SECRET,
      BACKEND_CORS_ORIGINS,
      REDIS_URL: this.#redisUrl,
      DATABASE: join(this.#directory, "orders.sqlite"),
    };
  }
}
