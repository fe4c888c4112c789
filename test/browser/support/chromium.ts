import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { endProcess } from "../../support/processes.ts";

/** Finds and starts Chromium for the tests. */

/** The path of Debian's package by default. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const START_TIMEOUT_MS = 20_000;

/**
 * Returns whether Chromium is installed. If it is not, warns about what goes untested; throws in CI.
 * @param untested What the calling tests cover.
 * @example const test = vitest.test.skipIf(!hasChromium("several tabs"));
 */
export function hasChromium(untested: string): boolean {
  if (spawnSync(CHROMIUM, ["--version"]).status === 0) return true;
  const message = `NOT TESTED: ${untested}. It needs Chromium at ${CHROMIUM} (Debian: chromium; elsewhere, set CHROMIUM to its path).`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`\n${message}\n`);
  return false;
}

/** Starts Chromium with Playwright's defaults: fast, and good enough for most tests. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/**
 * Chromium as users run it. Playwright's defaults disable the back-forward cache and treat every tab as visible; here,
 * background tabs are hidden and the back-forward cache works.
 */
export class PlainChromium {
  /** The browser's only profile; its tabs share a window. */
  readonly profile: BrowserContext;
  readonly #process: ChildProcess;
  readonly #directory: string;

  constructor(profile: BrowserContext, process: ChildProcess, directory: string) {
    this.profile = profile;
    this.#process = process;
    this.#directory = directory;
  }

  /** Suspends (`SIGSTOP`) or resumes (`SIGCONT`) all processes of the browser, like a laptop that sleeps and wakes. */
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

export async function startPlainChromium(): Promise<PlainChromium> {
  const directory = await mkdtemp(join(tmpdir(), "tidings-chromium-"));
  const args = [...FLAGS, "--headless", "--remote-debugging-port=0", `--user-data-dir=${directory}`, "about:blank"];
  // `detached` creates a process group, so that signals reach all of its processes.
  const child = spawn(CHROMIUM, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const end = () => signalAll(child, "SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  try {
    const browser = await chromium.connectOverCDP(await debuggerAddress(child), { noDefaults: true });
    const [profile] = browser.contexts();
    if (!profile) throw new Error("Chromium has no profile");
    return new PlainChromium(profile, child, directory);
  } catch (error) {
    end();
    throw error;
  }
}

/** Waits for the DevTools address that Chromium prints once it accepts connections. */
async function debuggerAddress(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => reject(new Error(`Chromium did not start within ${START_TIMEOUT_MS} ms`)),
    START_TIMEOUT_MS,
  );
  child.once("error", reject);
  child.once("exit", (code, signal) => reject(new Error(`Chromium exited at startup with ${signal ?? code}`)));
  if (child.stderr) {
    createInterface(child.stderr).on("line", (line) => {
      const [, address] = /DevTools listening on (ws:\S+)/.exec(line) ?? [];
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
