/** The time over which messages are counted. */
const WINDOW_MS = 2000;

/** Measures how many messages are sent each second. */
export class SendRate {
  #window = 0;
  #messages = 0;
  #perSecond = 0;

  note(messages: number, now: number): void {
    this.#move(now);
    this.#messages += messages;
  }

  /** Returns the rate of the last complete window, or of the current one if that is higher already. */
  perSecond(now: number): number {
    this.#move(now);
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
