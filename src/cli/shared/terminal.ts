import { text } from "node:stream/consumers";

/** A command's view of the process it runs in, so that tests can replace it. */
export interface Terminal {
  env: Record<string, string | undefined>;
  /** The folder with `.dev.vars`. */
  cwd: string;
  /** Prints a line of results to standard output. */
  out(line: string): void;
  /** Prints a note or an error to standard error, so that a pipe receives only results. */
  note(line: string): void;
  readInput(): Promise<string>;
  /** Calls back on Ctrl-C, SIGTERM and SIGHUP. @returns A function that removes the handler. */
  onInterrupt(stop: () => void): () => void;
  /** Calls back when a result cannot be printed because its reader has ended, as in `| head`. */
  onOutputClosed(stop: () => void): void;
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
  onOutputClosed: (stop) => void process.stdout.on("error", stop),
};
