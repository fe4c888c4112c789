import { MAX_PLAIN_BYTES_PER_OBJECT_MINUTE } from "../../protocol/limits.ts";

const MINUTE_MS = 60_000;

/**
 * Bounds the bytes sent per minute to clients that do not prove that they read: plain clients, which cannot acknowledge,
 * and `tidings.v1` clients that acknowledge without the nonce. The runtime does not reveal how much it still buffers for a
 * socket. A closed socket's bytes count until the minute ends: closing does not free what the client
 * has not read.
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
   * Takes the bytes about to be sent to a socket from the budget. Once half of the total is spent, no socket may exceed an
   * equal share, so that a few large consumers cannot starve the others.
   * @param now Milliseconds since 1970.
   * @returns false when they do not fit; nothing is taken then.
   */
  take(socket: Socket, bytes: number, now: number): boolean {
    this.#beginMinute(now);
    const sent = (this.#bySocket.get(socket) ?? 0) + bytes;
    const total = this.#total + bytes;
    const sharers = this.#bySocket.size + (this.#bySocket.has(socket) ? 0 : 1);
    const share = total > this.#maxInAll / 2 ? this.#maxInAll / sharers : this.#maxPerSocket;
    if (total > this.#maxInAll || sent > Math.min(share, this.#maxPerSocket)) return false;
    this.#bySocket.set(socket, sent);
    this.#total = total;
    return true;
  }

  /** Returns whether a new socket's replay fits. Replays may use half of the total, so that the rest is left for events. */
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
