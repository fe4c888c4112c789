import { encodeAckRequest } from "../../protocol/frames.ts";
import { FlowControl } from "./flow-control.ts";
import type { FrameBatch } from "./frame-batch.ts";
import type { Listener } from "./listener.ts";
import { PlainBudget } from "./plain-budget.ts";
import { trySend } from "./socket.ts";
import { isLongReplay, UnreadReplays } from "./unread-replays.ts";

/**
 * Sends events to clients, and bounds what each may leave unread: by its acknowledgements if they prove that it reads,
 * otherwise by the bytes it was sent within the minute.
 */
export class Sender {
  readonly #flowControl = new WeakMap<WebSocket, FlowControl>();
  readonly #unreadReplays = new UnreadReplays<WebSocket>();
  readonly #plainBudget: PlainBudget<WebSocket>;
  #messagesSent = 0;

  constructor(plainBytesPerMinute: number) {
    this.#plainBudget = new PlainBudget(plainBytesPerMinute);
  }

  /** Messages with events that were sent since the object woke, replays excluded. */
  get messagesSent(): number {
    return this.#messagesSent;
  }

  /** Returns whether a client's missed events may be replayed: not if too much is unread already. */
  mayReplay({ speaksV1, subject }: Listener, missed: FrameBatch, now: number): boolean {
    if (speaksV1) return this.#unreadReplays.hasRoomFor(subject, missed);
    return this.#plainBudget.hasRoomFor(missed.bytes(), now);
  }

  /** Sends the events that a client missed and wants. */
  replay(socket: WebSocket, { speaksV1, subject }: Listener, missed: FrameBatch, now: number): void {
    if (missed.frames.length === 0) return;
    const all = missed.pick(null);
    if (!speaksV1) this.#plainBudget.take(socket, missed.bytes(), now);
    trySend(socket, missed.messages(all, speaksV1));
    if (!speaksV1 || !isLongReplay(missed)) return;
    this.#unreadReplays.add(socket, subject, missed);
    trySend(socket, [encodeAckRequest(this.#flowControlOf(socket).takeReplay(missed.lastSeq(all)))]);
  }

  /**
   * Sends the frames that a listener wants, at least one; of those that replace each other, only the last if it conflates.
   * @returns `too_slow` when they are not sent, because too much may be unread; `gone` when the socket has closed.
   */
  send(
    socket: WebSocket,
    { speaksV1, conflates }: Listener,
    batch: FrameBatch,
    wanted: readonly number[],
    now: number,
  ): "sent" | "too_slow" | "gone" {
    const picked = conflates ? batch.newest(wanted) : wanted;
    const flowControl = speaksV1 ? this.#flowControlOf(socket) : null;
    const isOverBudget = !flowControl?.provesToRead && !this.#plainBudget.take(socket, batch.bytes(picked), now);
    const due = flowControl?.take(batch.characters(picked), batch.lastSeq(picked));
    if (isOverBudget || due === "too_slow") return "too_slow";
    const messages = batch.messages(picked, speaksV1);
    this.#messagesSent += messages.length;
    return trySend(socket, due ? [...messages, encodeAckRequest(due)] : messages) ? "sent" : "gone";
  }

  /** Records a client's acknowledgement. Returns whether it was requested. */
  acknowledged(socket: WebSocket, seq: number, nonce: string | undefined): boolean {
    const flowControl = this.#flowControl.get(socket);
    if (!flowControl?.acknowledged(seq, nonce)) return false;
    if (flowControl.provesToRead) this.#unreadReplays.remove(socket);
    return true;
  }

  /** A socket is gone or dead: what its client has not read does not count any more. */
  forget(socket: WebSocket): void {
    this.#unreadReplays.remove(socket);
  }

  #flowControlOf(socket: WebSocket): FlowControl {
    const flowControl = this.#flowControl.get(socket) ?? new FlowControl();
    this.#flowControl.set(socket, flowControl);
    return flowControl;
  }
}
