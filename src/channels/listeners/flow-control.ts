import { ACK_REQUEST_AFTER_CHARACTERS, MAX_UNACKNOWLEDGED_CHARACTERS } from "../../protocol/limits.ts";

/**
 * Tracks how far one `tidings.v1` client lags behind. The runtime does not reveal how much it still buffers for a socket
 * (there is no `bufferedAmount`), so the client is sometimes asked to acknowledge what it has read. Kept in memory only:
 * before an object hibernates, its quiet sockets have had time to empty their buffers.
 */
export class FlowControl {
  #unacknowledged = 0;
  #request: { seq: number; nonce: string; characters: number } | null = null;
  #provesToRead = true;

  /** Whether all acknowledgements so far had the request's nonce. Without it, they may be guesses. */
  get provesToRead(): boolean {
    return this.#provesToRead;
  }

  /**
   * Counts events about to be sent.
   * @param seq The `seq` of the last one.
   * @returns A request for an acknowledgement to send after them, or `too_slow` to close the socket instead.
   */
  take(characters: number, seq: number): { seq: number; nonce: string } | "too_slow" | null {
    this.#unacknowledged += characters;
    if (this.#unacknowledged > MAX_UNACKNOWLEDGED_CHARACTERS) return "too_slow";
    if (this.#request || this.#unacknowledged < ACK_REQUEST_AFTER_CHARACTERS) return null;
    return this.#ask(seq, this.#unacknowledged);
  }

  /** Returns a request to send after a replay, which `UnreadReplays` counts. @param seq The `seq` of the replay's last event. */
  takeReplay(seq: number): { seq: number; nonce: string } {
    return this.#ask(seq, 0);
  }

  #ask(seq: number, characters: number): { seq: number; nonce: string } {
    const nonce = crypto.randomUUID();
    this.#request = { seq, nonce, characters };
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
