import type { CloseCode } from "../../protocol/close-rules.ts";
import { type AckRequestFrame, encodeClosingFrame, PING, PONG } from "../../protocol/frames.ts";
import { PING_OVERDUE_MS } from "../../protocol/limits.ts";
import { REFUSALS, type SocketRefusal } from "../../protocol/refusals.ts";
import { utf8Length } from "../../protocol/utf8.ts";
import type { LoggedFrame } from "../log/log-event.ts";
import { silentSince } from "./due-actions.ts";
import { FlowControl } from "./flow-control.ts";
import { type Listener, readAttachment, readClosing, writeAttachment, writeClosing } from "./listener.ts";
import { messagesFor } from "./messages.ts";
import { PlainBudget } from "./plain-budget.ts";
import { passes } from "./product-filter.ts";
import { tryClose, trySend } from "./socket.ts";
import { UserSockets } from "./user-sockets.ts";

const ACK_REQUEST = JSON.stringify({ type: "ack_request" } satisfies AckRequestFrame);

/** Observes listeners as they connect and disconnect. */
export interface ListenersObserver {
  opened(): void;
  /** @param code The close code; 1006 when there was none. */
  closed(listener: Listener, code: number): void;
}

/**
 * A channel's open sockets and the listeners behind them. The runtime keeps both through hibernation; this class caches
 * them while the object is awake, because reading an attachment costs about as much as sending a frame.
 */
export class Listeners {
  readonly #ctx: DurableObjectState;
  readonly #observer: ListenersObserver;
  readonly #open = new Map<WebSocket, Listener>();
  readonly #flowControl = new WeakMap<WebSocket, FlowControl>();
  readonly #plainBudget: PlainBudget<WebSocket>;
  readonly #users = new UserSockets<WebSocket>();

  /** @param plainBytesPerMinute What a plain client may be sent. */
  constructor(
    ctx: DurableObjectState,
    observer: ListenersObserver,
    { plainBytesPerMinute }: { plainBytesPerMinute: number },
  ) {
    this.#ctx = ctx;
    this.#observer = observer;
    this.#plainBudget = new PlainBudget(plainBytesPerMinute);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    for (const socket of ctx.getWebSockets()) {
      const listener = readAttachment(socket);
      const closing = readClosing(socket);
      if (listener) this.#add(socket, listener);
      else if (closing) this.#users.addClosing(socket, closing);
      else tryClose(socket, REFUSALS.going_away.close, REFUSALS.going_away.title);
    }
  }

  /** Listeners. */
  get count(): number {
    return this.#open.size;
  }

  /** Sockets that exist, also of clients that do not answer a close: what limits are about. */
  get sockets(): number {
    return this.#open.size + this.#users.closing;
  }

  /**
   * Returns whether a user may open one more socket. When the limit is reached, the one that has been silent longest is
   * closed if it should have pinged in that time: it is probably dead, and its page is the one that reconnects.
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

  /** Yields every listener with the time of its last ping, in milliseconds since 1970; null when it never pinged. */
  *all(): Generator<{ socket: WebSocket; listener: Listener; pingedAt: number | null }> {
    for (const [socket, listener] of this.#open) {
      yield { socket, listener, pingedAt: this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null };
    }
  }

  /** Accepts a client: sends the first frame and what it missed, then counts it among the listeners. */
  accept(listener: Listener, first: string, missed: LoggedFrame[]): { socket: WebSocket; response: Response } {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    // First, because it may fail, and then no socket is left behind.
    writeAttachment(server, listener);
    this.#ctx.acceptWebSocket(server);
    this.#add(server, listener);
    server.send(first);
    this.#sendTo(server, listener, missed, new Map());
    this.#observer.opened();
    return { socket: server, response: new Response(null, { status: 101, webSocket: client }) };
  }

  /**
   * Sends frames to every listener whose filter they pass. Listeners whose token has expired are closed instead.
   * @returns How many listeners each frame was sent to.
   */
  broadcast(frames: LoggedFrame[], now: number): number[] {
    const receivers = new Array<number>(frames.length).fill(0);
    const packed = new Map<string, string[]>();
    const lengths = frames.map(({ text }) => text.length);
    // Counted when the first plain listener needs it: it reads every character.
    let bytes: number[] | null = null;
    for (const [socket, listener] of this.#open) {
      if (now >= listener.expiresAt) {
        this.close(socket, "token_expired");
        continue;
      }
      const sent = this.#sendTo(socket, listener, frames, packed);
      for (const index of sent) receivers[index] = (receivers[index] ?? 0) + 1;
      if (sent.length === 0) continue;
      if (listener.speaksV1) {
        this.#controlFlow(socket, frames, sent, lengths);
      } else {
        bytes ??= frames.map(({ text }) => utf8Length(text));
        this.#plainBudget.sent(socket, sumOf(bytes, sent), now);
      }
    }
    for (const socket of this.#plainBudget.takeExcess()) this.close(socket, "too_slow");
    return receivers;
  }

  /** Records a client's acknowledgement. Returns whether it was requested. */
  acknowledged(socket: WebSocket, seq: number): boolean {
    return this.#flowControl.get(socket)?.acknowledged(seq) ?? false;
  }

  /** Sends one frame that is not an event. */
  sendControl(socket: WebSocket, frame: string): void {
    trySend(socket, [frame]);
  }

  /** Returns the listener behind an open socket. */
  get(socket: WebSocket): Listener | undefined {
    return this.#open.get(socket);
  }

  update(socket: WebSocket, change: Partial<Listener>): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    // First, because it may fail, and then nothing has changed.
    writeAttachment(socket, { ...listener, ...change });
    // A guest's next ticket has another subject, so the socket moves to that subject's count.
    this.#users.removeOpen(listener.subject);
    this.#add(socket, Object.assign(listener, change));
  }

  /** Closes every socket whose listener matches. Returns how many. */
  closeWhere(matches: (listener: Listener) => boolean, reason: SocketRefusal): number {
    const matching = [...this.#open].filter(([, listener]) => matches(listener));
    for (const [socket] of matching) this.close(socket, reason);
    return matching.length;
  }

  /** Closes every socket for which `revocation` gives a reason. */
  revoke(revocation: (listener: Listener) => SocketRefusal | null): void {
    for (const [socket, listener] of [...this.#open]) {
      const reason = revocation(listener);
      if (reason) this.close(socket, reason);
    }
  }

  close(socket: WebSocket, reason: SocketRefusal): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    const { close, title }: { close: CloseCode; title: string } = REFUSALS[reason];
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

  /** Removes a socket that exists no longer. */
  remove(socket: WebSocket, code: number): void {
    this.#users.removeClosing(socket);
    // Sockets that close while the object hibernates are missing from `getWebSockets()` when it wakes.
    const listener = this.#open.get(socket) ?? readAttachment(socket);
    if (listener) this.#remove(socket, listener, code);
  }

  #remove(socket: WebSocket, listener: Listener, code: number): void {
    socket.serializeAttachment(null);
    if (this.#open.delete(socket)) this.#users.removeOpen(listener.subject);
    this.#observer.closed(listener, code);
  }

  #add(socket: WebSocket, listener: Listener): void {
    this.#open.set(socket, listener);
    this.#users.addOpen(listener.subject);
  }

  /** Requests an acknowledgement when one is due, and closes a client that lags too far behind. */
  #controlFlow(socket: WebSocket, frames: LoggedFrame[], sent: number[], lengths: number[]): void {
    const flowControl = this.#flowControl.get(socket) ?? new FlowControl();
    this.#flowControl.set(socket, flowControl);
    const due = flowControl.sent(sumOf(lengths, sent), frames[sent.at(-1) ?? 0]?.seq ?? 0);
    if (due === "request") this.sendControl(socket, ACK_REQUEST);
    if (due === "too_slow") this.close(socket, "too_slow");
  }

  /** Returns the indexes of the frames that were sent. */
  #sendTo(socket: WebSocket, listener: Listener, frames: LoggedFrame[], packed: Map<string, string[]>): number[] {
    const picked: number[] = [];
    for (const [index, frame] of frames.entries()) if (passes(listener.products, frame)) picked.push(index);
    if (picked.length === 0) return [];
    return trySend(socket, messagesFor(listener.speaksV1, frames, picked, packed)) ? picked : [];
  }
}

const sumOf = (values: number[], indexes: number[]) => indexes.reduce((sum, index) => sum + (values[index] ?? 0), 0);
