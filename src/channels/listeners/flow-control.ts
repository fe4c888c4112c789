import { ASK_AFTER_CHARACTERS, MAX_UNCONFIRMED_CHARACTERS } from "../../protocol/limits.ts";

/**
 * How far a `tidings.v1` client is behind. The runtime tells nobody how much of what was sent still waits in its memory
 * (there is no `bufferedAmount`), so the client is asked from time to time how far it has read. Plain clients cannot be
 * asked. What is known goes with hibernation, by which time a quiet socket has taken what it was sent.
 */
export class Pace {
  /** Characters sent that nobody has confirmed. */
  #unconfirmed = 0;
  #asked: { seq: number; unconfirmed: number } | null = null;

  /**
   * Events went out.
   * @param seq The last one's.
   * @returns What to do: ask for a confirmation, or close the socket.
   */
  sent(characters: number, seq: number): "ask" | "too_slow" | null {
    this.#unconfirmed += characters;
    if (this.#unconfirmed > MAX_UNCONFIRMED_CHARACTERS) return "too_slow";
    if (this.#asked || this.#unconfirmed < ASK_AFTER_CHARACTERS) return null;
    this.#asked = { seq, unconfirmed: this.#unconfirmed };
    return "ask";
  }

  /** The client has read up to an event. @returns Whether that answers a question. */
  confirmed(seq: number): boolean {
    if (!this.#asked || seq < this.#asked.seq) return false;
    this.#unconfirmed -= this.#asked.unconfirmed;
    this.#asked = null;
    return true;
  }
}
