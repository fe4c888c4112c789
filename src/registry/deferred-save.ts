/** The first change is saved at once, later ones at most this often, because every written row costs. */
const SAVE_INTERVAL_MS = 5000;

/**
 * Combines changes in quick succession into one save. While a save is pending, the object does not hibernate; a crash
 * loses what was not saved yet.
 */
export class DeferredSave {
  readonly #save: () => void;
  readonly #waitUntil: (promise: Promise<unknown>) => void;
  #savedAt = Number.NEGATIVE_INFINITY;
  #isPending = false;

  constructor(save: () => void, waitUntil: (promise: Promise<unknown>) => void) {
    this.#save = save;
    this.#waitUntil = waitUntil;
  }

  schedule(): void {
    if (!this.#isPending) this.#waitUntil(this.#saveWhenDue());
  }

  async #saveWhenDue(): Promise<void> {
    this.#isPending = true;
    try {
      // The upper bound matters when the clock was set back.
      const wait = Math.min(this.#savedAt + SAVE_INTERVAL_MS - Date.now(), SAVE_INTERVAL_MS);
      if (wait > 0) await scheduler.wait(wait);
      this.#save();
    } finally {
      this.#savedAt = Date.now();
      this.#isPending = false;
    }
  }
}
