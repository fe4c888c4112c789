import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { endProcess } from "../../support/processes.ts";

/** What the tests need of a browser, whichever it is. Playwright's types have these methods, and more. */

export interface Tab {
  url(): string;
  goto(url: string): Promise<unknown>;
  /** Evaluates a JavaScript expression in the page. Returns its value if that is a string, number, boolean or null. */
  evaluate(expression: string): Promise<unknown>;
  bringToFront(): Promise<void>;
  close(): Promise<void>;
  on(event: "pageerror", listener: (error: Error) => void): unknown;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): unknown;
}

export interface Profile<T extends Tab = Tab> {
  newPage(): Promise<T>;
  pages(): T[];
  setOffline(isOffline: boolean): Promise<void>;
  close(): Promise<void>;
}

/** A browser whose profiles share nothing. */
export interface ManyProfiles<P extends Profile> {
  newContext(): Promise<P>;
  close(): Promise<void>;
}

/** A browser as users run it: background tabs are hidden, and pages left behind are cached. */
export interface PlainBrowser<T extends Tab> {
  /** The browser's only profile; its tabs share a window. */
  readonly profile: Profile<T>;
  /** Suspends (`SIGSTOP`) or resumes (`SIGCONT`) all processes of the browser, like a laptop that sleeps and wakes. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  stop(): Promise<void>;
}

export interface BrowserKind<T extends Tab = Tab, P extends Profile<T> = Profile<T>> {
  readonly name: string;
  /**
   * Returns whether the browser is installed. If it is not, warns about what goes untested; throws in CI.
   * @param untested What the calling tests cover.
   */
  isInstalled(untested: string): boolean;
  start(): Promise<ManyProfiles<P>>;
  startPlain(): Promise<PlainBrowser<T>>;
}

const START_TIMEOUT_MS = 45_000;

/** A browser's processes, and the directory of its profile. */
export class BrowserProcess {
  /** The address of its debugger, which it prints once it accepts connections. */
  readonly debuggerUrl: string;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(debuggerUrl: string, process: ChildProcess, directory: string) {
    this.debuggerUrl = debuggerUrl;
    this.#process = process;
    this.#directory = directory;
  }

  /**
   * Starts a browser with a new profile.
   * @param argumentsFor Returns its arguments for the directory of the profile.
   */
  static async start(
    program: string,
    argumentsFor: (directory: string) => string[] | Promise<string[]>,
  ): Promise<BrowserProcess> {
    const directory = await mkdtemp(join(tmpdir(), "tidings-browser-"));
    // `detached` creates a process group, so that signals reach all of its processes.
    const child = spawn(program, await argumentsFor(directory), {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    const end = () => signalAll(child, "SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    try {
      return new BrowserProcess(await debuggerAddress(program, child), child, directory);
    } catch (error) {
      end();
      throw error;
    }
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    signalAll(this.#process, signal);
  }

  async stop(): Promise<void> {
    signalAll(this.#process, "SIGKILL");
    await endProcess(this.#process, "SIGKILL");
    // Helper processes may still write files while they exit.
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function debuggerAddress(program: string, child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => reject(new Error(`${program} did not start within ${START_TIMEOUT_MS} ms`)),
    START_TIMEOUT_MS,
  );
  child.once("error", reject);
  child.once("exit", (code, signal) => reject(new Error(`${program} exited at startup with ${signal ?? code}`)));
  if (child.stderr) {
    createInterface(child.stderr).on("line", (line) => {
      const [, address] = / listening on (ws:\S+)/.exec(line) ?? [];
      if (address) resolve(address);
    });
  }
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function signalAll(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // All processes have exited.
  }
}
