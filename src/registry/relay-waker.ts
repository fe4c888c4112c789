/** How often reports of listeners wake the relay, which revives a relay that has lost its alarm. */
const WAKE_INTERVAL_MS = 30_000;

/** Wakes the stream relay while there are listeners. */
export class RelayWaker {
  readonly #wake: () => void;
  #wokenAt = Number.NEGATIVE_INFINITY;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Wakes the relay for the first listener at once, and for later ones at intervals. */
  listenerReported(isFirst: boolean): void {
    if (!isFirst && Date.now() - this.#wokenAt <= WAKE_INTERVAL_MS) return;
    this.#wokenAt = Date.now();
    this.#wake();
  }
}
