/** Lets one caller at a time wait for a state that callbacks change. */
export class Condition {
  #wake = () => {};

  /** Checks the awaited state again. Call it after every change. */
  readonly notify = (): void => this.#wake();

  /** Returns what `find` finds, as soon as it does; undefined after `timeoutMs`. @throws what `find` throws. */
  async until<T>(find: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = find();
      const left = deadline - Date.now();
      if (found !== undefined || left <= 0) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
    }
  }
}
