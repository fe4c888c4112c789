import { execFile, spawnSync } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Runs Python programs that use the Python publisher as a service would: as `tidings.py` in their folder. */

const MODULE = join(import.meta.dirname, "../../src/sdk/python/publisher.py");

/**
 * Whether Python 3.9 or newer is installed. If not, prints what remains untested; in CI, throws.
 * @example describe.skipIf(!hasPython("the Python module"))("the Python module", () => …)
 */
export function hasPython(untested: string): boolean {
  if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0) return true;
  const message = `NOT TESTED: ${untested}. It needs python3, 3.9 or newer.`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`\n${message}\n`);
  return false;
}

export class PythonProject {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** @param module The publisher, by default the source's. */
  static async make(module = MODULE): Promise<PythonProject> {
    const directory = await mkdtemp(join(tmpdir(), "tidings-python-"));
    await copyFile(module, join(directory, "tidings.py"));
    return new PythonProject(directory);
  }

  /** Runs a program and returns the JSON that it printed. @throws with its output when it fails. */
  async run(program: string, env: Record<string, string> = {}): Promise<unknown> {
    const { stdout } = await promisify(execFile)("python3", ["-W", "error", "-c", program], {
      cwd: this.directory,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONDONTWRITEBYTECODE: "1", PYTHONUTF8: "1", ...env },
    });
    return JSON.parse(stdout);
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}
