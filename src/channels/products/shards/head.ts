import type { Position } from "../../../protocol/frames.ts";
import type { Listeners } from "../../listeners/listeners.ts";

/** How many sockets carry the head. Several may close while the object hibernates, and are missing when it wakes. */
const CARRIERS = 8;

/**
 * A shard's position: its listeners have been sent everything up to it. A shard stores nothing, so the attachments of its
 * oldest sockets carry the position through hibernation, and it lives as long as the listeners that it describes.
 */
export class Head {
  readonly #listeners: Listeners;
  readonly #carriers = new Set<WebSocket>();
  #position: Position | null = null;
  /** What the carriers carry. */
  #saved: Position | null = null;
  /** Counts writes: after hibernation, the carrier with the highest one has the latest position. */
  #turn = 0;

  /** Restores the head that was written last. */
  constructor(listeners: Listeners) {
    this.#listeners = listeners;
    for (const { socket, listener } of listeners.all()) {
      if (!listener.head) continue;
      this.#carriers.add(socket);
      if (listener.head.turn <= this.#turn) continue;
      const { epoch, seq, turn } = listener.head;
      this.#turn = turn;
      this.#saved = { epoch, seq };
    }
    this.#position = this.#saved;
  }

  /** Null before the shard first joins, after `clear`, and when no carrier was left at the wake. */
  get position(): Position | null {
    return this.#position;
  }

  /** Sets the position of the first listeners, or of a new epoch. */
  start(position: Position): void {
    this.#position = position;
    this.#saved = position;
    this.#turn++;
  }

  /** Advances to `seq`, in memory only. */
  advance(seq: number): Position {
    if (!this.#position) throw new Error("there is no head");
    const { epoch } = this.#position;
    this.#position = { epoch, seq: Math.max(this.#position.seq, seq) };
    return this.#position;
  }

  /**
   * Writes a position to the carriers, so that it outlives hibernation. Called without a pause after the last frame up
   * to it was sent. A broadcast may end after another epoch has begun; its position is of no use then.
   */
  save(position: Position): void {
    if (position.epoch !== this.#position?.epoch) return;
    this.#saved = position;
    this.#turn++;
    this.#pickCarriers();
    for (const socket of this.#carriers) this.#write(socket, position);
  }

  /** Picks carriers in place of those that have closed, or the first ones, and writes the head to them. */
  replaceCarriers(): void {
    const saved = this.#saved;
    if (saved) for (const socket of this.#pickCarriers()) this.#write(socket, saved);
  }

  clear(): void {
    this.#position = null;
    this.#saved = null;
    this.#carriers.clear();
  }

  /** Returns the new carriers. */
  #pickCarriers(): WebSocket[] {
    for (const socket of this.#carriers) if (!this.#listeners.get(socket)) this.#carriers.delete(socket);
    const added = this.#listeners
      .all()
      .map(({ socket }) => socket)
      .filter((socket) => !this.#carriers.has(socket))
      .take(CARRIERS - this.#carriers.size)
      .toArray();
    for (const socket of added) this.#carriers.add(socket);
    return added;
  }

  #write(socket: WebSocket, { epoch, seq }: Position): void {
    this.#listeners.update(socket, { head: { epoch, seq, turn: this.#turn } });
  }
}
