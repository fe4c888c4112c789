import { format } from "node:util";
import { type MockInstance, vi } from "vitest";
import { leakIn } from "./rules.ts";

/** What the service prints inside workerd: it shares the tests' console. */

const LEVELS = ["debug", "log", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/** Leaks found in this test file. */
export const leaks: string[] = [];

function check(words: unknown[]): void {
  const leak = leakIn(format(...words));
  if (leak) leaks.push(leak);
}

let isGuarded = false;

/** Checks everything that is printed from now on. Test files may share a console. */
export function guardConsole(): void {
  if (isGuarded) return;
  isGuarded = true;
  for (const level of LEVELS) {
    const print = console[level].bind(console);
    console[level] = (...words: unknown[]) => {
      check(words);
      print(...words);
    };
  }
}

/**
 * Hides what the service prints at a level from the terminal, but still checks it. A test that mocked the console by
 * itself would bypass the guard.
 * @returns The mock with the calls; `mockRestore` shows the output again.
 */
export function silence(level: Level = "error"): MockInstance<(...words: unknown[]) => void> {
  return vi.spyOn(console, level).mockImplementation((...words) => check(words));
}

export interface Printed {
  /** The console method that was called. */
  level: Level;
  text: string;
}

/** Collects everything printed from now on, in order, and hides it; `vi.restoreAllMocks()` ends it. */
export function capturePrinted(): Printed[] {
  const printed: Printed[] = [];
  for (const level of LEVELS) {
    vi.spyOn(console, level).mockImplementation((...words) => {
      check(words);
      printed.push({ level, text: format(...words) });
    });
  }
  return printed;
}

/** @returns A function that lists the service's log lines of a level since now; `vi.restoreAllMocks()` ends it. */
export function logLines(level: "info" | "warn" | "error"): () => Record<string, unknown>[] {
  const print = console[level];
  // The guard installed before this spy still checks every line.
  const spy: MockInstance<typeof print> = vi.spyOn(console, level).mockImplementation(print);
  return () =>
    spy.mock.calls
      .map(([line]) => String(line))
      .filter((line) => line.startsWith('{"level":'))
      .map((line) => JSON.parse(line));
}
