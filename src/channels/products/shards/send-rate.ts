/** The time over which messages are counted. */
const WINDOW_MS = 2000;

/** Measures how many messages are sent each second. */
export class SendRate {
  readonly #totalSent: () => number;
  /** The total when it was last noted. */
  #total = 0;
  #window = 0;
  #messages = 0;
  #perSecond = 0;

  /** @param totalSent Returns how many messages have been sent since the object woke. */
  constructor(totalSent: () => number) {
    this.#totalSent = totalSent;
  }

  /**
   * Counts what has been sent since the last call.
   * @param now The time of this call, not of the push's arrival: a broadcast may take many turns.
   */
  note(now: number): void {
    this.#move(now);
    const total = this.#totalSent();
    this.#messages += total - this.#total;
    this.#total = total;
  }

  /** Returns the rate of the last complete window, or of the current one if that is higher already. */
  perSecond(now: number): number {
    this.note(now);
    return Math.max(this.#perSecond, (this.#messages * 1000) / WINDOW_MS);
  }

  #move(now: number): void {
    const window = Math.floor(now / WINDOW_MS);
    if (window === this.#window) return;
    this.#perSecond = window === this.#window + 1 ? (this.#messages * 1000) / WINDOW_MS : 0;
    this.#window = window;
    this.#messages = 0;
  }
}
