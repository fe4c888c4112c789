import type { Stamp } from "./contract.ts";

/** How many former lives of the root are remembered. */
const MAX_FORMER_LIVES = 8;

/** Recognises messages of the root about a former epoch that arrive after a later message has announced a new one. */
export class RootOrder {
  #latest: Stamp | null = null;
  readonly #formerLives = new Set<string>();

  /** Notes the message that made the current epoch known. */
  learned(stamp: Stamp): void {
    if (this.#latest && this.#latest.life !== stamp.life) this.#formerLives.add(this.#latest.life);
    this.#latest = stamp;
    const [oldest] = this.#formerLives;
    if (oldest !== undefined && this.#formerLives.size > MAX_FORMER_LIVES) this.#formerLives.delete(oldest);
  }

  /** Returns whether a message with another epoch is late, so that the current epoch is the newer one. */
  isLate({ life, epochs }: Stamp): boolean {
    return this.#formerLives.has(life) || (life === this.#latest?.life && epochs < this.#latest.epochs);
  }
}
