import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { leakIn } from "./log-guard.ts";

/** The launcher greets with a token, an admin's token and the key: that is what it is for. */
export const WELCOME: Unjudged = { from: /^Tidings is at /, to: /^ {2}npx tidings smoke/ };

/** The first line and the last one of what may hold secrets. */
interface Unjudged {
  from: RegExp;
  to: RegExp;
}

/** What a process prints, judged line by line: what comes in pieces is put together before it is judged. */
export class JudgedOutput {
  readonly #ended: Promise<unknown>;
  #leak: string | null = null;
  #isUnjudged = false;

  /** @param unjudged What is printed on purpose. */
  constructor({ stdout, stderr }: ChildProcess, unjudged?: Unjudged) {
    const streams = [stdout, stderr].filter((stream) => stream !== null);
    for (const input of streams) createInterface({ input }).on("line", (line) => this.#judge(line, unjudged));
    // A process that could not be started has streams that end before their end.
    this.#ended = Promise.allSettled(streams.map((stream) => finished(stream)));
  }

  /**
   * Waits for its end.
   * @throws when it printed a token, a key or a payload, or nobody could tell whether it did.
   */
  async expectClean(who: string): Promise<void> {
    await this.#ended;
    if (this.#isUnjudged) throw new Error(`${who} never ended what may hold secrets`);
    if (this.#leak) throw new Error(`${who} printed ${this.#leak}`);
  }

  #judge(line: string, unjudged?: Unjudged): void {
    if (unjudged?.from.test(line)) this.#isUnjudged = true;
    if (!this.#isUnjudged) this.#leak ??= leakIn(line);
    if (unjudged?.to.test(line)) this.#isUnjudged = false;
  }
}
