import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Processes that tests start, and end. */

/** Whatever ends this process must not leave the other one behind. */
export function endWithThisProcess(child: ChildProcess): void {
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
}

/** Ends a process, if it runs, and waits until it has gone. */
export async function endProcess(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || hasExited(child)) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

/** Also of one that never started. */
export function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
