import type { Config } from "../../config/config.ts";
import type { CloseCode } from "../../protocol/close-rules.ts";
import { encodeClosingFrame, PING, PONG } from "../../protocol/frames.ts";
import { PING_OVERDUE_MS } from "../../protocol/limits.ts";
import { REFUSALS, type SocketRefusal } from "../../protocol/refusals.ts";
import { Coalescing } from "./coalescing.ts";
import { silentSince } from "./due-actions.ts";
import type { FrameBatch } from "./frame-batch.ts";
import { Interest } from "./interest.ts";
import { endsAt, type Listener, readAttachment, readClosing, writeAttachment, writeClosing } from "./listener.ts";
import type { ProductFilter } from "./product-filter.ts";
import { Sender } from "./sender.ts";
import { MAX_SLICE_CHARACTERS, MAX_SLICE_MESSAGES, Slices } from "./slices.ts";
import { tryClose, trySend } from "./socket.ts";
import { UserSockets } from "./user-sockets.ts";

/** Observes listeners as they connect and disconnect. */
export interface ListenersObserver {
  opened(): void;
  /** @param code The close code; 1006 when there was none. */
  closed(listener: Listener, code: number): void;
}

/** A client closed with one of these may not receive events any more, not even those that wait for it. */
const LOST_ACCESS: readonly CloseCode[] = [4001, 4003, 4004];

/** What a send costs besides its length, and what a close costs, in characters of a slice. */
const SEND_COST = MAX_SLICE_CHARACTERS / MAX_SLICE_MESSAGES;
const CLOSE_COST = 4 * SEND_COST;

function costOf({ speaksV1 }: Listener, batch: FrameBatch, picked: readonly number[]): number {
  return batch.characters(picked) + SEND_COST * (speaksV1 ? 1 : picked.length);
}

/**
 * A channel's open sockets and the listeners behind them. The runtime keeps both through hibernation; this class caches
 * them while the object is awake, because reading an attachment costs about as much as sending a frame.
 */
export class Listeners {
  readonly #ctx: DurableObjectState;
  readonly #observer: ListenersObserver;
  readonly #open = new Map<WebSocket, Listener>();
  readonly sender: Sender;
  readonly #plainGraceMs: number;
  readonly #users = new UserSockets<WebSocket>();
  readonly #interest = new Interest<WebSocket>();
  readonly #slices = new Slices<WebSocket>();
  readonly #coalescing: Coalescing<WebSocket> | null;

  /** @param coalesces Whether clients of `tidings.v1` may have to wait for events that arrive in quick succession. */
  constructor(
    ctx: DurableObjectState,
    observer: ListenersObserver,
    { plainBytesPerMinute, plainGraceMs }: Pick<Config, "plainBytesPerMinute" | "plainGraceMs">,
    coalesces = true,
  ) {
    this.#ctx = ctx;
    this.#observer = observer;
    this.sender = new Sender(plainBytesPerMinute);
    this.#plainGraceMs = plainGraceMs;
    this.#coalescing = coalesces ? new Coalescing(() => this.#sendCoalesced()) : null;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    for (const socket of ctx.getWebSockets()) {
      const listener = readAttachment(socket);
      const closing = readClosing(socket);
      if (listener) this.#add(socket, listener);
      else if (closing) this.#users.addClosing(socket, closing);
      else tryClose(socket, REFUSALS.going_away.close, REFUSALS.going_away.title);
    }
  }

  /** The number of listeners. */
  get count(): number {
    return this.#open.size;
  }

  /** The number of sockets, including those whose close the client has not answered. Limits apply to it. */
  get sockets(): number {
    return this.#open.size + this.#users.closing;
  }

  /**
   * Makes room for one more socket of a user, and returns whether there is any. At the limit, closes the user's longest
   * silent socket if its ping is overdue: it is probably dead, and its page is the one that reconnects.
   */
  makeRoomFor(user: string, limit: number, now: number): boolean {
    const room = this.#users.roomFor(user, limit);
    if (room !== "if_silent_closes") return room === "yes";
    const [silent] = [...this.all()]
      .filter(({ listener }) => listener.subject === user)
      .map(({ socket, listener, pingedAt }) => ({ socket, since: silentSince(listener, pingedAt) ?? now }))
      .sort((a, b) => a.since - b.since);
    if (!silent || now - silent.since < PING_OVERDUE_MS) return false;
    this.close(silent.socket, "idle_timeout");
    return true;
  }

  /** The products that any listener wants; null when one wants all. */
  get products(): ProductFilter {
    return this.#interest.products;
  }

  /** Yields every listener with the time of its last ping, in milliseconds since 1970; null when it never pinged. */
  *all(): Generator<{ socket: WebSocket; listener: Listener; pingedAt: number | null }> {
    for (const [socket, listener] of this.#open) {
      yield { socket, listener, pingedAt: this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null };
    }
  }

  /** Accepts a client as a listener, and sends it the first frame and the events it missed. */
  accept(
    listener: Listener,
    first: string,
    missed: FrameBatch,
    now: number,
  ): { socket: WebSocket; response: Response } {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    // May throw, so it comes before the socket is accepted.
    writeAttachment(server, listener);
    this.#ctx.acceptWebSocket(server);
    this.#add(server, listener);
    server.send(first);
    this.sender.replay(server, listener, missed, now);
    this.#observer.opened();
    return { socket: server, response: new Response(null, { status: 101, webSocket: client }) };
  }

  /**
   * Sends each frame to the listeners whose filter it passes. Closes those whose token has expired instead. Every
   * listener receives broadcasts in order; one that connects before the last is sent receives none of them, because its
   * first frame has the position after them.
   * @returns How many listeners each frame has been sent to, which still grows during `rest`; that is null when sending
   * takes only this turn.
   */
  broadcast(batch: FrameBatch, now: number): { receivers: readonly number[]; rest: Promise<void> | null } {
    const receivers = new Array<number>(batch.frames.length).fill(0);
    const send = (socket: WebSocket, now: number) => this.#send(socket, batch, receivers, now);
    return { receivers, rest: this.#slices.run(this.#wanting(batch), send, now, batch.length) };
  }

  /** Whether so many broadcasts wait to be sent that there should be no more now. */
  get isFull(): boolean {
    return this.#slices.isFull;
  }

  /** Sends a frame that is not an event to every listener, in order with the broadcasts. */
  broadcastControl(frame: string, now: number): Promise<void> | null {
    const send = (socket: WebSocket, now: number) => {
      this.#sendControl(socket, frame, now);
      return SEND_COST + frame.length;
    };
    return this.#slices.run(this.#open.keys(), send, now);
  }

  /** Sends one frame that is not an event. A listener whose token has ended is closed instead. */
  sendControl(socket: WebSocket, frame: string, now: number): void {
    this.#catchUp(socket, now);
    this.#sendControl(socket, frame, now);
  }

  /** Returns the listener behind an open socket. */
  get(socket: WebSocket): Listener | undefined {
    return this.#open.get(socket);
  }

  update(socket: WebSocket, change: Partial<Listener>): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    const changed = { ...listener, ...change };
    // May throw, so it comes before anything changes.
    writeAttachment(socket, changed);
    // Every client message changes something, but rarely the user (a guest's next ticket has another) or the filter.
    const isReindexed = changed.subject !== listener.subject || changed.products !== listener.products;
    // What was published before a filter changes is subject to the former filter. Sending it may close the socket.
    if (isReindexed) this.#catchUp(socket, Date.now());
    if (!this.#open.has(socket)) return;
    if (isReindexed) this.#removeFromIndexes(socket, listener);
    Object.assign(listener, change);
    if (isReindexed) this.#addToIndexes(socket, listener);
  }

  /** Closes every socket for whose listener there is a reason. Returns how many. */
  closeWhere(reasonFor: (listener: Listener) => SocketRefusal | null): number {
    let closed = 0;
    for (const [socket, listener] of [...this.#open]) {
      const reason = reasonFor(listener);
      if (!reason) continue;
      this.close(socket, reason);
      closed++;
    }
    return closed;
  }

  close(socket: WebSocket, reason: SocketRefusal): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    const { close, title }: { close: CloseCode; title: string } = REFUSALS[reason];
    if (!LOST_ACCESS.includes(close)) this.#sendWaiting(socket, Date.now());
    // It may have been closed as too slow.
    if (!this.#open.has(socket)) return;
    if (listener.speaksV1) trySend(socket, [encodeClosingFrame(close, title)]);
    tryClose(socket, close, title);
    this.#remove(socket, listener, close);
    const closing = { user: listener.subject, wasSilent: reason === "idle_timeout" };
    writeClosing(socket, closing);
    this.#users.addClosing(socket, closing);
  }

  /**
   * Completes a close that the client began. The runtime does not answer the close of a hibernating socket by itself
   * (workerd 1.20261023); a client without an answer waits for seconds and then reports 1006.
   */
  completeClose(socket: WebSocket, code: number): void {
    tryClose(socket, 1000, "");
    this.remove(socket, code);
  }

  /** Removes a socket that no longer exists. */
  remove(socket: WebSocket, code: number): void {
    this.#users.removeClosing(socket);
    // Sockets that close while the object hibernates are missing from `getWebSockets()` when it wakes.
    const listener = this.#open.get(socket) ?? readAttachment(socket);
    if (listener) this.#remove(socket, listener, code);
  }

  #remove(socket: WebSocket, listener: Listener, code: number): void {
    socket.serializeAttachment(null);
    this.#coalescing?.drop(socket);
    if (this.#open.delete(socket)) this.#removeFromIndexes(socket, listener);
    this.#observer.closed(listener, code);
  }

  #add(socket: WebSocket, listener: Listener): void {
    this.#open.set(socket, listener);
    this.#addToIndexes(socket, listener);
  }

  #addToIndexes(socket: WebSocket, { subject, products }: Listener): void {
    this.#users.addOpen(subject);
    this.#interest.add(socket, products);
  }

  #removeFromIndexes(socket: WebSocket, { subject, products }: Listener): void {
    this.#users.removeOpen(subject);
    this.#interest.remove(socket, products);
  }

  /** Returns the sockets that want any frame of a batch. */
  #wanting({ products }: FrameBatch): Iterable<WebSocket> {
    return products === "all" ? this.#open.keys() : this.#interest.in(products);
  }

  /** Sends a batch to a socket unless it has closed meanwhile, and counts its receivers. Returns what that costs. */
  #send(socket: WebSocket, batch: FrameBatch, receivers: number[], now: number): number {
    const listener = this.#open.get(socket);
    if (!listener) return 0;
    if (this.#closeEnded(socket, listener, now)) return CLOSE_COST;
    const picked = batch.pick(listener.products, listener.from);
    if (picked.length === 0) return 0;
    const mustWait = listener.speaksV1 && this.#coalescing?.keeps(socket, batch, now);
    const isSent = mustWait || this.#sendPicked(socket, listener, batch, picked, now);
    if (!isSent) return CLOSE_COST;
    for (const index of picked) receivers[index] = (receivers[index] ?? 0) + 1;
    if (!mustWait) return costOf(listener, batch, picked);
    return this.#coalescing?.isFull ? this.#sendWaiting(socket, now) : 0;
  }

  /** Sends picked frames, at least one, or closes a socket that is too slow. Returns whether they were sent. */
  #sendPicked(
    socket: WebSocket,
    listener: Listener,
    batch: FrameBatch,
    picked: readonly number[],
    now: number,
  ): boolean {
    const outcome = this.sender.send(socket, listener, batch, picked, now);
    if (outcome === "too_slow") this.close(socket, "too_slow");
    return outcome === "sent";
  }

  /** Sends a socket the events that wait for it. Returns what that costs. */
  #sendWaiting(socket: WebSocket, now: number): number {
    const waiting = this.#coalescing?.take(socket, now);
    const listener = this.#open.get(socket);
    if (!waiting || !listener) return 0;
    if (this.#closeEnded(socket, listener, now)) return CLOSE_COST;
    const picked = waiting.batch.pick(listener.products, waiting.after, waiting.upTo);
    if (picked.length === 0) return 0;
    const isSent = this.#sendPicked(socket, listener, waiting.batch, picked, now);
    return isSent ? costOf(listener, waiting.batch, picked) : CLOSE_COST;
  }

  /** Sends every socket the events that wait for it. */
  #sendCoalesced(): void {
    void this.#slices.run(this.#coalescing?.sockets ?? [], (...due) => this.#sendWaiting(...due), Date.now());
  }

  /** Sends a socket everything that is still to be sent to it. */
  #catchUp(socket: WebSocket, now: number): void {
    this.#slices.catchUp(socket, now);
    this.#sendWaiting(socket, now);
  }

  #sendControl(socket: WebSocket, frame: string, now: number): void {
    this.#sendWaiting(socket, now);
    const listener = this.#open.get(socket);
    if (listener && !this.#closeEnded(socket, listener, now)) trySend(socket, [frame]);
  }

  /** Closes a listener whose token has ended. Returns whether it did. */
  #closeEnded(socket: WebSocket, listener: Listener, now: number): boolean {
    if (now < endsAt(listener, this.#plainGraceMs)) return false;
    this.close(socket, "token_expired");
    return true;
  }
}
