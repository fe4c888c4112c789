import { backoffCeiling } from "../protocol/backoff.ts";

/**
 * The time between two saves. It doubles while changes keep coming, because every written row costs, and starts over after
 * a quiet minute, because a pending save keeps the object awake, which costs as well.
 */
const MIN_INTERVAL_MS = 5000;
const MAX_INTERVAL_MS = 60_000;

/**
 * Combines changes in quick succession into one save; the first after a quiet minute is saved at once. While a save is
 * pending, the object does not hibernate. A crash loses what was not saved yet: at most a minute of it.
 */
export class DeferredSave {
  readonly #save: () => void;
  readonly #waitUntil: (promise: Promise<unknown>) => void;
  #savedAt = Number.NEGATIVE_INFINITY;
  /** Saves since the last quiet minute. */
  #saves = 0;
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
      // Negative when the clock was set back.
      const quietMs = Math.max(Date.now() - this.#savedAt, 0);
      if (quietMs >= MAX_INTERVAL_MS) this.#saves = 0;
      const interval = this.#saves === 0 ? 0 : backoffCeiling(this.#saves - 1, MIN_INTERVAL_MS, MAX_INTERVAL_MS);
      if (interval > quietMs) await scheduler.wait(interval - quietMs);
      this.#save();
    } finally {
      this.#savedAt = Date.now();
      this.#saves++;
      this.#isPending = false;
    }
  }
}
