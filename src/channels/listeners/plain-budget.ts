import { MAX_PLAIN_BYTES_PER_OBJECT_MINUTE } from "../../protocol/limits.ts";

const MINUTE_MS = 60_000;

/**
 * Bounds what is sent to plain clients. They cannot acknowledge, and the runtime does not reveal how much it still
 * buffers for a socket, so all that is known is how much each was sent within the minute.
 */
export class PlainBudget<Socket extends object> {
  readonly #maxPerSocket: number;
  readonly #maxInAll: number;
  #minute = 0;
  #bySocket = new Map<Socket, number>();
  #total = 0;
  /** Sockets over their own limit, noted as they exceed it: a search in every broadcast would visit all sockets. */
  readonly #excess = new Set<Socket>();

  constructor(maxPerSocket: number, maxInAll = MAX_PLAIN_BYTES_PER_OBJECT_MINUTE) {
    this.#maxPerSocket = maxPerSocket;
    this.#maxInAll = maxInAll;
  }

  /** Records what a socket was sent. @param now Milliseconds since 1970. */
  sent(socket: Socket, bytes: number, now: number): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#bySocket = new Map();
      this.#total = 0;
    }
    const sent = (this.#bySocket.get(socket) ?? 0) + bytes;
    this.#bySocket.set(socket, sent);
    this.#total += bytes;
    if (sent > this.#maxPerSocket) this.#excess.add(socket);
  }

  /** Removes and returns the sockets to close: those over their own limit, then the largest until all fit together. */
  takeExcess(): Socket[] {
    const excess = [...this.#excess];
    for (const socket of excess) this.#remove(socket);
    this.#excess.clear();
    if (this.#total <= this.#maxInAll) return excess;
    const largestFirst = [...this.#bySocket].sort(([, a], [, b]) => b - a);
    for (const [socket] of largestFirst) {
      if (this.#total <= this.#maxInAll) break;
      this.#remove(socket);
      excess.push(socket);
    }
    return excess;
  }

  #remove(socket: Socket): void {
    this.#total -= this.#bySocket.get(socket) ?? 0;
    this.#bySocket.delete(socket);
  }
}
