import { execFile, spawnSync } from "node:child_process";
import { areInstalled } from "./optional-programs.ts";

/** Prometheus' own checker of metrics and rules (Debian: package `prometheus`). */

/** Whether promtool is installed; see `areInstalled`. */
export function hasPromtool(untested: string): boolean {
  const missing = spawnSync("promtool", ["--version"]).error ? ["promtool"] : [];
  return areInstalled(missing, untested, "Debian: prometheus");
}

/** Runs promtool with a text on its standard input. @returns Its exit code and everything it printed. */
export function promtool(args: string[], input = ""): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    const child = execFile("promtool", args, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error ? 1 : 0, said: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}
