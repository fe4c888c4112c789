import type { Config } from "../../config/config.ts";
import type { SocketRefusal } from "../../protocol/refusals.ts";
import { Coalescing } from "./coalescing.ts";
import type { FrameBatch } from "./frame-batch.ts";
import { endsAt, type Listener } from "./listener.ts";
import type { Sender } from "./sender.ts";
import { MAX_SLICE_CHARACTERS, MAX_SLICE_MESSAGES, Slices } from "./slices.ts";
import { trySend } from "./socket.ts";

/** What a send costs besides its length, and what a close costs, in characters of a slice. */
const SEND_COST = MAX_SLICE_CHARACTERS / MAX_SLICE_MESSAGES;
const CLOSE_COST = 4 * SEND_COST;

function costOf({ speaksV1 }: Listener, batch: FrameBatch, picked: readonly number[]): number {
  return batch.characters(picked) + SEND_COST * (speaksV1 ? 1 : picked.length);
}

/** The listeners that frames are for (`Listeners`). */
interface Recipients {
  get(socket: WebSocket): Listener | undefined;
  /** Returns the sockets that want an event of any of these products, or every socket. */
  wanting(products: "all" | string[]): Iterable<WebSocket>;
  close(socket: WebSocket, reason: SocketRefusal): void;
}

/**
 * The frames on their way to listeners: large broadcasts leave in slices, and events in quick succession together. Each
 * listener receives its frames in order. One whose token has ended is closed instead.
 */
export class Outgoing {
  readonly #recipients: Recipients;
  readonly #sender: Sender;
  readonly #plainGraceMs: number;
  readonly #slices = new Slices<WebSocket>();
  readonly #coalescing: Coalescing<WebSocket> | null;

  /** @param coalesces Whether clients of `tidings.v1` may have to wait for events that arrive in quick succession. */
  constructor(
    recipients: Recipients,
    sender: Sender,
    { plainGraceMs }: Pick<Config, "plainGraceMs">,
    coalesces: boolean,
  ) {
    this.#recipients = recipients;
    this.#sender = sender;
    this.#plainGraceMs = plainGraceMs;
    this.#coalescing = coalesces ? new Coalescing(() => this.#sendCoalesced()) : null;
  }

  /** Whether so many broadcasts wait to be sent that there should be no more now. */
  get isFull(): boolean {
    return this.#slices.isFull;
  }

  /**
   * Sends each frame to the listeners whose filter it passes. A listener that connects before the last one is sent
   * receives none of them, because its first frame has the position after them.
   * @returns `receivers`: how many listeners each frame has been sent to, which grows until `rest` settles. `rest` is null
   * when everything was sent in this turn.
   */
  broadcast(batch: FrameBatch, now: number): { receivers: readonly number[]; rest: Promise<void> | null } {
    const receivers = new Array<number>(batch.frames.length).fill(0);
    const send = (socket: WebSocket, now: number) => this.#send(socket, batch, receivers, now);
    const rest = this.#slices.run(this.#recipients.wanting(batch.products), send, now, batch.characters());
    return { receivers, rest };
  }

  /** Sends a frame that is not an event to every listener, in order with the broadcasts. */
  broadcastControl(frame: string, now: number): Promise<void> | null {
    const send = (socket: WebSocket, now: number) => this.#sendAfterWaiting(socket, frame, now);
    return this.#slices.run(this.#recipients.wanting("all"), send, now);
  }

  /** Sends a frame that is not an event to one listener, after everything that is still to be sent to it. */
  sendControl(socket: WebSocket, frame: string, now: number): void {
    this.#slices.catchUp(socket, now);
    this.#sendAfterWaiting(socket, frame, now);
  }

  /** Sends a socket everything that is still to be sent to it. */
  catchUp(socket: WebSocket, now: number): void {
    this.#slices.catchUp(socket, now);
    this.sendWaiting(socket, now);
  }

  /** Sends a socket the events that wait for more of them. Returns what that costs. */
  sendWaiting(socket: WebSocket, now: number): number {
    const waiting = this.#coalescing?.take(socket, now);
    const listener = this.#recipients.get(socket);
    if (!waiting || !listener) return 0;
    if (this.#closeEnded(socket, listener, now)) return CLOSE_COST;
    const picked = waiting.batch.pick(listener.products, waiting.after, waiting.upTo);
    if (picked.length === 0) return 0;
    const isSent = this.#sendPicked(socket, listener, waiting.batch, picked, now);
    return isSent ? costOf(listener, waiting.batch, picked) : CLOSE_COST;
  }

  /** Forgets the events that wait for a socket. */
  drop(socket: WebSocket): void {
    this.#coalescing?.drop(socket);
  }

  /** Sends a batch to a socket unless it has closed meanwhile, and counts its receivers. Returns what that costs. */
  #send(socket: WebSocket, batch: FrameBatch, receivers: number[], now: number): number {
    const listener = this.#recipients.get(socket);
    if (!listener) return 0;
    if (this.#closeEnded(socket, listener, now)) return CLOSE_COST;
    const picked = batch.pick(listener.products, listener.from);
    if (picked.length === 0) return 0;
    const mustWait = listener.speaksV1 && this.#coalescing?.keeps(socket, batch, now);
    const isSent = mustWait || this.#sendPicked(socket, listener, batch, picked, now);
    if (!isSent) return CLOSE_COST;
    for (const index of picked) receivers[index] = (receivers[index] ?? 0) + 1;
    if (!mustWait) return costOf(listener, batch, picked);
    return this.#coalescing?.isFull ? this.sendWaiting(socket, now) : 0;
  }

  /** Sends picked frames, at least one, or closes a socket that is too slow. Returns whether they were sent. */
  #sendPicked(
    socket: WebSocket,
    listener: Listener,
    batch: FrameBatch,
    picked: readonly number[],
    now: number,
  ): boolean {
    const outcome = this.#sender.send(socket, listener, batch, picked, now);
    if (outcome === "too_slow") this.#recipients.close(socket, "too_slow");
    return outcome === "sent";
  }

  /** Sends every socket the events that wait for it. */
  #sendCoalesced(): void {
    void this.#slices.run(this.#coalescing?.sockets ?? [], (socket, now) => this.sendWaiting(socket, now), Date.now());
  }

  /** Sends a socket the events that wait for it, then a frame. Returns what that costs. */
  #sendAfterWaiting(socket: WebSocket, frame: string, now: number): number {
    const cost = this.sendWaiting(socket, now);
    const listener = this.#recipients.get(socket);
    if (!listener) return cost;
    if (this.#closeEnded(socket, listener, now)) return cost + CLOSE_COST;
    trySend(socket, [frame]);
    return cost + SEND_COST + frame.length;
  }

  /** Closes a listener whose token has ended. Returns whether it did. */
  #closeEnded(socket: WebSocket, listener: Listener, now: number): boolean {
    if (now < endsAt(listener, this.#plainGraceMs)) return false;
    this.#recipients.close(socket, "token_expired");
    return true;
  }
}
