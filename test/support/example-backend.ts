import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { ROOT } from "./documents.ts";
import { eventually } from "./eventually.ts";
import { GuardedOutput } from "./leak-guard/process-output.ts";
import { freePort } from "./loopback.ts";
import { areInstalled } from "./optional-programs.ts";
import { endProcess, endWithThisProcess } from "./processes.ts";
import { PUBLISH_KEY, TEST_ENV } from "./test-env.ts";

/** Debian's packages belong to this interpreter, whichever `python3` is first in the PATH. */
export const DEBIAN_PYTHON = process.env.PYTHON ?? "/usr/bin/python3";

/** Whether Python has the libraries that examples of the manual need; see `areInstalled`. */
export function hasPythonModules(modules: string[], untested: string): boolean {
  const missing = modules.filter((module) => spawnSync(DEBIAN_PYTHON, ["-c", `import ${module}`]).status !== 0);
  const packages = modules.map((module) => `python3-${module}`).join(" ");
  return areInstalled(missing, untested, `Debian: ${packages}; elsewhere, set PYTHON to an interpreter that has them`);
}

/** A backend that the manual prints, as a process that uses a service. */
export class ExampleBackend {
  readonly url: string;
  readonly #directory: string;
  readonly #process: ChildProcess;
  readonly #output: GuardedOutput;

  private constructor(url: string, directory: string, process: ChildProcess) {
    this.url = url;
    this.#directory = directory;
    this.#process = process;
    this.#output = new GuardedOutput(process);
  }

  /** Starts a FastAPI application, with `tidings.py` beside it. @param program The text of `main.py`. */
  static startFastApi(program: string, tidings: string): Promise<ExampleBackend> {
    const words = (port: number) => ["-m", "uvicorn", "main:app", "--port", String(port), "--log-level", "warning"];
    return ExampleBackend.#start("main.py", program, tidings, DEBIAN_PYTHON, words);
  }

  /** Starts a program for Node that listens on `PORT`. */
  static startNode(program: string, tidings: string): Promise<ExampleBackend> {
    return ExampleBackend.#start("main.ts", program, tidings, process.execPath, () => ["main.ts"]);
  }

  static async #start(
    file: string,
    program: string,
    tidings: string,
    command: string,
    words: (port: number) => string[],
  ): Promise<ExampleBackend> {
    // Below the project, so that Node finds its packages.
    await mkdir(join(ROOT, "dist"), { recursive: true });
    const directory = await mkdtemp(join(ROOT, "dist", "example-"));
    await writeFile(join(directory, file), program);
    await copyFile(join(ROOT, "src/sdk/python/publisher.py"), join(directory, "tidings.py"));
    const port = await freePort();
    const { PATH, HOME } = process.env;
    const env = {
      PATH,
      HOME,
      PORT: String(port),
      PYTHONDONTWRITEBYTECODE: "1",
      JWT_SECRET: TEST_ENV.JWT_SECRET,
      TIDINGS_URL: tidings,
      TIDINGS_KEY: PUBLISH_KEY,
    };
    const child = spawn(command, words(port), { cwd: directory, env });
    endWithThisProcess(child);
    const backend = new ExampleBackend(`http://127.0.0.1:${port}`, directory, child);
    await eventually(async () => expect((await backend.post("/api/token")).status).toBe(200));
    return backend;
  }

  post(path: string): Promise<Response> {
    return fetch(this.url + path, { method: "POST" });
  }

  /** @throws when it printed a token, a key or a payload. */
  async stop(): Promise<void> {
    await endProcess(this.#process, "SIGKILL");
    await rm(this.#directory, { recursive: true, force: true });
    await this.#output.expectClean("the example");
  }
}
