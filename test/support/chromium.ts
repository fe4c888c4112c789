import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** A real Chromium. Debian's package, unless the environment names another one. */
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

/** Whether there is one. When not, says what goes untested for that; in CI that is an error. */
export function hasChromium(untested: string): boolean {
  if (existsSync(CHROMIUM)) return true;
  const message = `NOT TESTED: ${untested}. It needs Chromium at ${CHROMIUM} (Debian: chromium), or CHROMIUM set to where it is.`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`\n${message}\n`);
  return false;
}

export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
