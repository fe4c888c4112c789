import { text } from "node:stream/consumers";

/** Everything a command sees of the world around it, so that a test can put another in its place. */
export interface Terminal {
  env: Record<string, string | undefined>;
  /** Where `.dev.vars` is looked for. */
  cwd: string;
  /** Results: one line to standard output. */
  out(line: string): void;
  /** Remarks and errors: one line to standard error, so that a pipe gets results only. */
  note(line: string): void;
  readInput(): Promise<string>;
  /** Calls back whenever the person asks to stop (Ctrl-C), or the system does. @returns How to undo that. */
  onInterrupt(stop: () => void): () => void;
}

export const processTerminal: Terminal = {
  env: process.env,
  cwd: process.cwd(),
  out: (line) => console.log(line),
  note: (line) => console.error(line),
  readInput: () => text(process.stdin),
  onInterrupt(stop) {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, stop);
    return () => {
      for (const signal of signals) process.off(signal, stop);
    };
  },
};
