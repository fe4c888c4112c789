/** Runs one pass at a time. */
export class Passes {
  readonly #pass: () => Promise<void>;
  #running: Promise<void> | null = null;
  #isAnotherDue = false;

  constructor(pass: () => Promise<void>) {
    this.#pass = pass;
  }

  /** Runs a pass. Callers that arrive during one wait for another that follows it. */
  run(): Promise<void> {
    if (this.#running) this.#isAnotherDue = true;
    else this.#running = this.#runAll();
    return this.#running;
  }

  /** Makes another pass follow the current one. */
  repeat(): void {
    this.#isAnotherDue = true;
  }

  async #runAll(): Promise<void> {
    try {
      do {
        this.#isAnotherDue = false;
        await this.#pass();
      } while (this.#isAnotherDue);
    } finally {
      // Synchronous with the loop's last check: a caller in between would wait for a pass that never comes.
      this.#running = null;
    }
  }
}
