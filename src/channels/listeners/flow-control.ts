import { ACK_REQUEST_AFTER_CHARACTERS, MAX_UNACKNOWLEDGED_CHARACTERS } from "../../protocol/limits.ts";

/**
 * Tracks how far one `tidings.v1` client lags behind. The runtime does not reveal how much it still buffers for a socket
 * (there is no `bufferedAmount`), so the client is asked now and then to acknowledge what it has read. Kept in memory
 * only: by the time an object hibernates, a quiet socket has taken what it was sent.
 */
export class FlowControl {
  #unacknowledged = 0;
  #request: { seq: number; nonce: string; characters: number } | null = null;
  #provesToRead = true;

  /** Whether its acknowledgements have carried the nonces of the requests. Others may be guesses. */
  get provesToRead(): boolean {
    return this.#provesToRead;
  }

  /**
   * Records that events are about to be sent.
   * @param seq The last event's.
   * @returns What to do: send this request for an acknowledgement after them, or close the socket instead.
   */
  take(characters: number, seq: number): { seq: number; nonce: string } | "too_slow" | null {
    this.#unacknowledged += characters;
    if (this.#unacknowledged > MAX_UNACKNOWLEDGED_CHARACTERS) return "too_slow";
    if (this.#request || this.#unacknowledged < ACK_REQUEST_AFTER_CHARACTERS) return null;
    const nonce = crypto.randomUUID();
    this.#request = { seq, nonce, characters: this.#unacknowledged };
    return { seq, nonce };
  }

  /** Records that the client has read up to `seq`. Returns whether that answers a request. */
  acknowledged(seq: number, nonce: string | undefined): boolean {
    if (!this.#request || seq < this.#request.seq) return false;
    if (nonce !== undefined && nonce !== this.#request.nonce) return false;
    if (nonce === undefined) this.#provesToRead = false;
    this.#unacknowledged -= this.#request.characters;
    this.#request = null;
    return true;
  }
}
