import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { endProcess } from "../../support/processes.ts";

/** The Chromium of the tests: is there one, and one that behaves as a user's does. */

/** Debian's package, unless the environment names another one. */
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
 * Whether there is a Chromium. When there is none, says what goes untested for that; in CI that is an error.
 * @example const test = vitest.test.skipIf(!hasChromium("several tabs"));
 */
export function hasChromium(untested: string): boolean {
  if (spawnSync(CHROMIUM, ["--version"]).status === 0) return true;
  const message = `NOT TESTED: ${untested}. It needs Chromium at ${CHROMIUM} (Debian: chromium; elsewhere, set CHROMIUM to its path).`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`\n${message}\n`);
  return false;
}

/** A Chromium as Playwright starts it, which is quick and does for most tests. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/**
 * A Chromium as users have it. The one that Playwright starts has no back-forward cache, and every tab believes that
 * it is looked at; here a tab behind another one is hidden, and one that is put away is kept.
 */
export class PlainChromium {
  /** The one profile of this browser; its tabs share a window. */
  readonly profile: BrowserContext;
  readonly #process: ChildProcess;
  readonly #directory: string;

  constructor(profile: BrowserContext, process: ChildProcess, directory: string) {
    this.profile = profile;
    this.#process = process;
    this.#directory = directory;
  }

  /** Stops (`SIGSTOP`) or continues (`SIGCONT`) all its processes, as a laptop does whose lid is closed and opened. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    signalAll(this.#process, signal);
  }

  async stop(): Promise<void> {
    signalAll(this.#process, "SIGKILL");
    await endProcess(this.#process, "SIGKILL");
    // Its helper processes may still be writing while they end.
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

export async function startPlainChromium(): Promise<PlainChromium> {
  const directory = await mkdtemp(join(tmpdir(), "tidings-chromium-"));
  const args = [...FLAGS, "--headless", "--remote-debugging-port=0", `--user-data-dir=${directory}`, "about:blank"];
  // A process group of its own, so that all its processes can be stopped together.
  const child = spawn(CHROMIUM, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const end = () => signalAll(child, "SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  try {
    const browser = await chromium.connectOverCDP(await debuggerOf(child), { noDefaults: true });
    const [profile] = browser.contexts();
    if (!profile) throw new Error("Chromium has no profile");
    return new PlainChromium(profile, child, directory);
  } catch (error) {
    end();
    throw error;
  }
}

/** The address that it prints as soon as it can be told what to do. */
async function debuggerOf(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => reject(new Error(`Chromium did not start within ${START_TIMEOUT_MS} ms`)),
    START_TIMEOUT_MS,
  );
  child.once("error", reject);
  child.once("exit", (code, signal) => reject(new Error(`Chromium ended at its start with ${signal ?? code}`)));
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
    // All of them have ended.
  }
}
