import type { Config } from "../../config/config.ts";
import type { CloseCode } from "../../protocol/close-rules.ts";
import { encodeClosingFrame, PING, PONG } from "../../protocol/frames.ts";
import { PING_OVERDUE_MS } from "../../protocol/limits.ts";
import { REFUSALS, type SocketRefusal } from "../../protocol/refusals.ts";
import { silentSince } from "./due-actions.ts";
import type { FrameBatch } from "./frame-batch.ts";
import { Interest } from "./interest.ts";
import { type Listener, readAttachment, readClosing, writeAttachment, writeClosing } from "./listener.ts";
import { Outgoing } from "./outgoing.ts";
import type { ProductFilter } from "./product-filter.ts";
import { Sender } from "./sender.ts";
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

/**
 * A channel's open sockets and the listeners behind them. The runtime keeps both through hibernation; this class caches
 * them while the object is awake, because reading an attachment costs about as much as sending a frame.
 */
export class Listeners {
  readonly #ctx: DurableObjectState;
  readonly #observer: ListenersObserver;
  readonly #open = new Map<WebSocket, Listener>();
  readonly #users = new UserSockets<WebSocket>();
  readonly #interest = new Interest<WebSocket>();
  readonly sender: Sender;
  readonly outgoing: Outgoing;

  /** @param options.coalesces Whether clients of `tidings.v1` receive events in quick succession together. */
  constructor(
    ctx: DurableObjectState,
    observer: ListenersObserver,
    config: Pick<Config, "plainBytesPerMinute" | "plainGraceMs">,
    { coalesces = true }: { coalesces?: boolean } = {},
  ) {
    this.#ctx = ctx;
    this.#observer = observer;
    this.sender = new Sender(config.plainBytesPerMinute);
    this.outgoing = new Outgoing(this, this.sender, config, coalesces);
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
    const [silent] = this.all()
      .filter(({ listener }) => listener.subject === user)
      .map(({ socket, listener, pingedAt }) => ({ socket, since: silentSince(listener, pingedAt) ?? now }))
      .toArray()
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

  /** Returns the listener behind an open socket. */
  get(socket: WebSocket): Listener | undefined {
    return this.#open.get(socket);
  }

  /** Returns the sockets that want an event of any of these products, or every socket. */
  wanting(products: "all" | string[]): Iterable<WebSocket> {
    return products === "all" ? this.#open.keys() : this.#interest.in(products);
  }

  /** Changes the listener behind an open socket, in its attachment as well. */
  update(socket: WebSocket, change: Partial<Listener>): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    const changed = { ...listener, ...change };
    // May throw, so it comes before anything changes.
    writeAttachment(socket, changed);
    // Every client message changes something, but rarely the user (a guest's next ticket has another) or the filter.
    if (changed.subject === listener.subject && changed.products === listener.products) {
      Object.assign(listener, change);
      return;
    }
    // What was published before a filter changes is subject to the former filter. Sending it may close the socket.
    this.outgoing.catchUp(socket, Date.now());
    if (!this.#open.has(socket)) return;
    this.#removeFromIndexes(socket, listener);
    Object.assign(listener, change);
    this.#addToIndexes(socket, listener);
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

  /** Closes a socket after the events that wait for it, unless its client has lost access to them. */
  close(socket: WebSocket, reason: SocketRefusal): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    const { close, title }: { close: CloseCode; title: string } = REFUSALS[reason];
    if (!LOST_ACCESS.includes(close)) this.outgoing.sendWaiting(socket, Date.now());
    // It may have been closed as too slow.
    if (!this.#open.has(socket)) return;
    if (listener.speaksV1) trySend(socket, [encodeClosingFrame(close, title)]);
    tryClose(socket, close, title);
    this.#remove(socket, listener, close);
    const wasSilent = reason === "idle_timeout";
    // Its close event may never come.
    if (wasSilent) this.sender.forget(socket);
    const closing = { user: listener.subject, wasSilent };
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
    this.sender.forget(socket);
    // Sockets that close while the object hibernates are missing from `getWebSockets()` when it wakes.
    const listener = this.#open.get(socket) ?? readAttachment(socket);
    if (listener) this.#remove(socket, listener, code);
  }

  #remove(socket: WebSocket, listener: Listener, code: number): void {
    socket.serializeAttachment(null);
    this.outgoing.drop(socket);
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
}
