import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Terminal } from "../../../src/cli/shared/terminal.ts";
import { run } from "../../../src/cli/tidings.ts";

export const SECRET = "a-secret-of-the-tests-0123456789-abcdef";
export const KEY = "a-publish-key-of-the-tests-0123456789";

/** A terminal in memory. Its folder and environment are empty by default. */
export class TestTerminal implements Terminal {
  readonly env: Record<string, string>;
  readonly cwd = mkdtempSync(join(tmpdir(), "tidings-cli-"));
  readonly outLines: string[] = [];
  readonly noteLines: string[] = [];
  interrupt = () => {};
  readonly #input: string;
  #wake = () => {};

  constructor({
    env = {},
    input = "",
    devVars = "",
  }: { env?: Record<string, string>; input?: string; devVars?: string } = {}) {
    this.env = env;
    this.#input = input;
    onTestFinished(() => rmSync(this.cwd, { recursive: true }));
    if (devVars) writeFileSync(join(this.cwd, ".dev.vars"), devVars);
  }

  out(line: string): void {
    this.outLines.push(line);
    this.#wake();
  }

  note(line: string): void {
    this.noteLines.push(line);
    this.#wake();
  }

  async readInput(): Promise<string> {
    return this.#input;
  }

  onInterrupt(stop: () => void): () => void {
    this.interrupt = stop;
    return () => {};
  }

  onOutputClosed(): void {}

  get output(): string {
    return this.outLines.join("\n");
  }

  get notes(): string {
    return this.noteLines.join("\n");
  }

  /** Waits until this text has been printed, or the test times out. */
  async until(text: string): Promise<void> {
    while (!`${this.output}\n${this.notes}`.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Runs a command and returns its exit code. */
  run(...args: string[]): Promise<number> {
    return run(args, this);
  }
}
