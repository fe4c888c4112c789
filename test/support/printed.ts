import { format } from "node:util";
import { type MockInstance, vi } from "vitest";
import { leakIn } from "./log-guard.ts";

/** What the service prints: it runs beside the tests, so it goes through their console. */

const LEVELS = ["debug", "log", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/** What was wrong with what was printed so far. */
export const leaks: string[] = [];

function judge(words: unknown[]): void {
  const leak = leakIn(format(...words));
  if (leak) leaks.push(leak);
}

/** From now on everything that is printed is judged. */
export function judgeAll(): void {
  for (const level of LEVELS) {
    const print = console[level].bind(console);
    console[level] = (...words: unknown[]) => {
      judge(words);
      print(...words);
    };
  }
}

/**
 * Keeps from the terminal what a test makes the service print, which is judged all the same: a test that replaced the
 * console by itself would take it away from the guard.
 * @returns What was printed; `mockRestore` shows it again.
 */
export function hush(level: Level = "error"): MockInstance<(...words: unknown[]) => void> {
  return vi.spyOn(console, level).mockImplementation((...words) => judge(words));
}

export interface Printed {
  /** The console's method that it went through. */
  level: Level;
  text: string;
}

/** @returns All that is printed from now on, in order, and shown nowhere else; `vi.restoreAllMocks()` ends it. */
export function listenToPrinted(): Printed[] {
  const printed: Printed[] = [];
  for (const level of LEVELS) {
    vi.spyOn(console, level).mockImplementation((...words) => {
      judge(words);
      printed.push({ level, text: format(...words) });
    });
  }
  return printed;
}
