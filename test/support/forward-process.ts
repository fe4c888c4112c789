import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { GuardedOutput } from "./leak-guard/process-output.ts";
import { endProcess, endWithThisProcess, hasExited } from "./processes.ts";
import { PUBLISH_KEY } from "./test-env.ts";

const PROGRAM = join(import.meta.dirname, "../../src/cli/tidings.ts");

/** `tidings forward` as a process. */
export class ForwardProcess {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #output: GuardedOutput;
  #wake = () => {};

  private constructor(redisUrl: string, serviceUrl: string, args: string[]) {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, REDIS_URL: redisUrl, TIDINGS_URL: serviceUrl, TIDINGS_KEY: PUBLISH_KEY };
    const child = spawn(process.execPath, [PROGRAM, "forward", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    this.#output = new GuardedOutput(child);
    endWithThisProcess(child);
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on("line", (line) => {
        this.lines.push(line);
        this.#wake();
      });
    }
    child.once("exit", () => this.#wake());
  }

  /** Starts it and waits until it forwards, or until it has printed another text. */
  static async start(
    redisUrl: string,
    serviceUrl: string,
    args: string[] = [],
    until = "forwarding ",
  ): Promise<ForwardProcess> {
    const forward = new ForwardProcess(redisUrl, serviceUrl, args);
    await forward.until(until);
    return forward;
  }

  /** Waits for a line that begins with this text, among those after the first `after`. */
  async until(text: string, after = 0): Promise<string> {
    for (;;) {
      const found = this.lines.slice(after).find((line) => line.startsWith(text));
      if (found !== undefined) return found;
      if (hasExited(this.#process)) throw new Error(`tidings forward ended. It printed:\n${this.lines.join("\n")}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** @returns Its exit code. @throws when it printed a token, a key or a payload. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    await endProcess(this.#process, signal);
    await this.#output.expectClean("tidings forward");
    return this.#process.exitCode;
  }
}
