import { MAX_PLAIN_BYTES_PER_OBJECT_MINUTE } from "../../protocol/limits.ts";

const MINUTE_MS = 60_000;

/**
 * Bounds what is sent to plain clients. They cannot acknowledge, and the runtime does not reveal how much it still
 * buffers for a socket, so all that is known is how much each was sent within the minute. What a socket was sent counts
 * until the minute ends, also when it is closed: closing it frees nothing that its client does not read.
 */
export class PlainBudget<Socket extends object> {
  readonly #maxPerSocket: number;
  readonly #maxInAll: number;
  #minute = 0;
  #bySocket = new Map<Socket, number>();
  #total = 0;

  constructor(maxPerSocket: number, maxInAll = MAX_PLAIN_BYTES_PER_OBJECT_MINUTE) {
    this.#maxPerSocket = maxPerSocket;
    this.#maxInAll = maxInAll;
  }

  /**
   * Takes from the budget what a socket is about to be sent. Once half of it is spent, sockets that were sent more than
   * an equal share give way, so that the large consumers do not use up what the others need.
   * @param now Milliseconds since 1970.
   * @returns false when it does not fit, and then nothing is taken.
   */
  take(socket: Socket, bytes: number, now: number): boolean {
    this.#beginMinute(now);
    const sent = (this.#bySocket.get(socket) ?? 0) + bytes;
    const total = this.#total + bytes;
    const share = total > this.#maxInAll / 2 ? this.#maxInAll / this.#bySocket.size : this.#maxPerSocket;
    if (total > this.#maxInAll || sent > Math.min(share, this.#maxPerSocket)) return false;
    this.#bySocket.set(socket, sent);
    this.#total = total;
    return true;
  }

  /** Returns whether a new socket may be sent so much. */
  hasRoomFor(bytes: number, now: number): boolean {
    this.#beginMinute(now);
    return bytes <= this.#maxPerSocket && this.#total + bytes <= this.#maxInAll / 2;
  }

  #beginMinute(now: number): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#bySocket = new Map();
    this.#total = 0;
  }
}
