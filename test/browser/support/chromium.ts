import { spawnSync } from "node:child_process";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { areInstalled } from "../../support/optional-programs.ts";
import { type BrowserKind, BrowserProcess, type PlainBrowser } from "./browsers.ts";

/** Finds and starts Chromium for the tests. */

/** The path of Debian's package by default. */
const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Returns whether Chromium is installed. If it is not, warns about what goes untested; throws in CI.
 * @param untested What the calling tests cover.
 * @example const test = vitest.test.skipIf(!hasChromium("several tabs"));
 */
export function hasChromium(untested: string): boolean {
  const missing = spawnSync(PROGRAM, ["--version"]).status === 0 ? [] : [`Chromium at ${PROGRAM}`];
  return areInstalled(missing, untested, "Debian: chromium; elsewhere, set CHROMIUM to its path");
}

/** Starts Chromium with Playwright's defaults: fast, and good enough for most tests. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: PROGRAM, args: FLAGS });
}

/**
 * Starts Chromium as users run it. Playwright's defaults disable the back-forward cache and treat every tab as visible.
 */
export async function startPlainChromium(): Promise<PlainBrowser<Page>> {
  const started = await BrowserProcess.start(PROGRAM, (directory) => [
    ...FLAGS,
    "--headless",
    "--remote-debugging-port=0",
    `--user-data-dir=${directory}`,
    "about:blank",
  ]);
  const browser = await chromium.connectOverCDP(started.debuggerUrl, { noDefaults: true });
  const [profile] = browser.contexts();
  if (!profile) throw new Error("Chromium has no profile");
  return { profile, signal: (signal) => started.signal(signal), stop: () => started.stop() };
}

export const CHROMIUM: BrowserKind<Page, BrowserContext> = {
  name: "Chromium",
  isInstalled: hasChromium,
  start: startChromium,
  startPlain: startPlainChromium,
};
