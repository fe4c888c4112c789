import { execFile, spawnSync } from "node:child_process";

/** Prometheus' own judge of metrics and rules (Debian: package `prometheus`). */

/** Whether it is there; without it, tests of `what` are skipped loudly, and fail with `CI=true`. */
export function hasPromtool(what: string): boolean {
  if (spawnSync("promtool", ["--version"]).error === undefined) return true;
  const message = `promtool is not installed, so these are not tested: ${what}. Debian has it in the package prometheus.`;
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`SKIPPED: ${message}`);
  return false;
}

/** Runs it with a text on its standard input. @returns Its exit code and everything it said. */
export function promtool(args: string[], input = ""): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    const child = execFile("promtool", args, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error ? 1 : 0, said: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}
