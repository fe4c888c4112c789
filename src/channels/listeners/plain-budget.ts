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
    this.#bySocket.set(socket, (this.#bySocket.get(socket) ?? 0) + bytes);
    this.#total += bytes;
  }

  /** Removes and returns the sockets to close: those over their own limit, then the largest until all fit together. */
  takeExcess(): Socket[] {
    const excess: Socket[] = [];
    const take = (socket: Socket, bytes: number) => {
      excess.push(socket);
      this.#bySocket.delete(socket);
      this.#total -= bytes;
    };
    for (const [socket, bytes] of this.#bySocket) if (bytes > this.#maxPerSocket) take(socket, bytes);
    if (this.#total > this.#maxInAll) {
      const largestFirst = [...this.#bySocket].sort(([, a], [, b]) => b - a);
      for (const [socket, bytes] of largestFirst) {
        if (this.#total <= this.#maxInAll) break;
        take(socket, bytes);
      }
    }
    return excess;
  }
}
