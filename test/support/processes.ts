import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

/** Child processes of the tests. */

/** Kills a child when this process ends, however it ends. */
export function endWithThisProcess(child: ChildProcess): void {
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
}

/** Sends a signal to a running child and waits until it has exited. */
export async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || hasExited(child)) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** Whether a child has exited or never started. */
export function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Returns the memory that a process occupies, in bytes; 0 where the system does not say, or without the process. */
export function residentBytes(pid: number): number {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Linux counts a process's time in units of 10 ms. */
const TICK_MS = 10;

/** Returns the processor time that a process has used, in milliseconds; 0 where the system does not say. */
export function processorMs(pid: number): number {
  try {
    // The second field is the program's name, in parentheses; user and system time are the 14th and the 15th.
    const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const [user = 0, system = 0] = fields.split(" ").slice(11, 13).map(Number);
    return (user + system) * TICK_MS;
  } catch {
    return 0;
  }
}
