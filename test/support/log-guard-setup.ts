import { afterAll, expect } from "vitest";
import { leakIn } from "./log-guard.ts";

/** The service runs beside the tests here, so what it prints goes through this console: every line of it is judged. */

const leaks: string[] = [];
for (const level of ["log", "info", "warn", "error"] as const) {
  const print = console[level].bind(console);
  console[level] = (...words: unknown[]) => {
    const leak = leakIn(words.map(String).join(" "));
    if (leak) leaks.push(leak);
    print(...words);
  };
}

afterAll(() => {
  expect(leaks, "the service printed what it must not print").toEqual([]);
});
