import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { leakIn } from "./rules.ts";

/** The first and the last line of a passage that may hold secrets. */
interface AllowedSecrets {
  from: RegExp;
  to: RegExp;
}

/** The greeting of `npm run dev` prints two tokens and the publish key on purpose. */
export const WELCOME: AllowedSecrets = { from: /^Tidings is at /, to: /^ {2}npx tidings smoke/ };

/** Checks the output of a child process line by line, however it is split into chunks. */
export class GuardedOutput {
  readonly #ended: Promise<unknown>;
  #leak: string | null = null;
  #areSecretsAllowed = false;

  /** @param allowed A passage that is not checked. */
  constructor({ stdout, stderr }: ChildProcess, allowed?: AllowedSecrets) {
    const streams = [stdout, stderr].filter((stream) => stream !== null);
    for (const input of streams) createInterface({ input }).on("line", (line) => this.#check(line, allowed));
    // The streams of a process that failed to start reject.
    this.#ended = Promise.allSettled(streams.map((stream) => finished(stream)));
  }

  /**
   * Waits until the process has printed everything.
   * @throws when it printed a token, a key or a payload, or when the allowed passage never ended.
   */
  async expectClean(name: string): Promise<void> {
    await this.#ended;
    if (this.#areSecretsAllowed) throw new Error(`${name} never ended what may hold secrets`);
    if (this.#leak) throw new Error(`${name} printed ${this.#leak}`);
  }

  #check(line: string, allowed?: AllowedSecrets): void {
    if (allowed?.from.test(line)) this.#areSecretsAllowed = true;
    if (!this.#areSecretsAllowed) this.#leak ??= leakIn(line);
    if (allowed?.to.test(line)) this.#areSecretsAllowed = false;
  }
}
