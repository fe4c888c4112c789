/** A socket that the service has closed and whose client has not answered. */
export interface ClosingSocket {
  user: string;
  /** Whether the idle timeout closed it. */
  wasSilent: boolean;
}

/**
 * Counts sockets by user. A socket that the service has closed still exists, and counts, until its client answers or is
 * gone. Those closed for silence are mostly dead and never answer, so they are allowed as many again as the limit.
 */
export class UserSockets<Socket> {
  /** Sockets by user, closing ones included. */
  readonly #counts = new Map<string, number>();
  readonly #closing = new Map<Socket, ClosingSocket>();

  /** The number of closing sockets, of all users. */
  get closing(): number {
    return this.#closing.size;
  }

  addOpen(user: string): void {
    this.#count(user, 1);
  }

  removeOpen(user: string): void {
    this.#count(user, -1);
  }

  addClosing(socket: Socket, closing: ClosingSocket): void {
    this.#closing.set(socket, closing);
    this.#count(closing.user, 1);
  }

  removeClosing(socket: Socket): void {
    const closing = this.#closing.get(socket);
    if (this.#closing.delete(socket) && closing) this.#count(closing.user, -1);
  }

  /** Returns whether a user may open one more socket; `if_silent_closes` if only after a silent one is closed. */
  roomFor(user: string, limit: number): "yes" | "if_silent_closes" | "no" {
    const count = this.#countOf(user);
    if (count < limit) return "yes";
    if (count >= 2 * limit) return "no";
    const silent = [...this.#closing.values()].filter((closing) => closing.wasSilent && closing.user === user).length;
    return count - silent < limit ? "yes" : "if_silent_closes";
  }

  #count(user: string, change: 1 | -1): void {
    const count = this.#countOf(user) + change;
    if (count > 0) this.#counts.set(user, count);
    else this.#counts.delete(user);
  }

  #countOf(user: string): number {
    return this.#counts.get(user) ?? 0;
  }
}
