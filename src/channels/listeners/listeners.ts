import type { CloseCode } from "../../protocol/close-rules.ts";
import { type AckRequestFrame, encodePositionFrame, MAX_FILTER_PRODUCTS, PING, PONG } from "../../protocol/frames.ts";
import { REFUSALS, type SocketRefusal } from "../../protocol/refusals.ts";
import type { LoggedFrame } from "../log/history.ts";
import { Pace } from "./flow-control.ts";
import { type Listener, readAttachment, removeAttachment, writeAttachment } from "./listener.ts";
import { messagesFor } from "./messages.ts";

/** Who has a filter is told the position so many times while as much happens as the history holds. */
const POSITIONS_PER_HISTORY = 4;
const ACK_REQUEST = JSON.stringify({ type: "ack_request" } satisfies AckRequestFrame);

/** Told of who comes and goes. */
export interface ListenersWatcher {
  opened(listener: Listener): void;
  /** @param code The close code; 1006 when there was none. */
  closed(listener: Listener, code: number): void;
}

/**
 * The sockets of one channel and who is behind them. The runtime keeps both through hibernation; this keeps them at
 * hand while the object is awake, because reading an attachment costs about as much as sending a frame.
 */
export class Listeners {
  readonly #ctx: DurableObjectState;
  readonly #watcher: ListenersWatcher;
  /** After so many events. */
  readonly #positionEvery: number;
  readonly #open = new Map<WebSocket, Listener>();
  /** How far each client that can be asked is behind. */
  readonly #paces = new WeakMap<WebSocket, Pace>();
  /** How many sockets each user has. */
  readonly #bySubject = new Map<string, number>();

  /** @param historyLimit How many events a client may miss and still resume. */
  constructor(ctx: DurableObjectState, watcher: ListenersWatcher, historyLimit: number) {
    this.#ctx = ctx;
    this.#watcher = watcher;
    this.#positionEvery = Math.ceil(historyLimit / POSITIONS_PER_HISTORY);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    for (const socket of ctx.getWebSockets()) {
      const listener = readAttachment(socket);
      if (listener) this.#add(socket, listener);
      else closeQuietly(socket, REFUSALS.going_away.close, REFUSALS.going_away.title);
    }
  }

  get count(): number {
    return this.#open.size;
  }

  /** How many sockets of one user there are. */
  countOf(subject: string): number {
    return this.#bySubject.get(subject) ?? 0;
  }

  /** Every listener, with the last sign of life of its socket, in milliseconds since 1970; null when it never pinged. */
  *all(): Generator<{ socket: WebSocket; listener: Listener; pingedAt: number | null }> {
    for (const [socket, listener] of this.#open) {
      yield { socket, listener, pingedAt: this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null };
    }
  }

  /** Accepts a client: the first frame, then what it missed, then it is one of the listeners. */
  accept(
    listener: Listener,
    first: string,
    missed: LoggedFrame[],
    now: number,
  ): { socket: WebSocket; response: Response } {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.#ctx.acceptWebSocket(server);
    writeAttachment(server, listener);
    this.#add(server, listener);
    server.send(first);
    const sent = this.#sendTo(server, listener, missed, new Map());
    const last = missed.at(-1);
    if (last && isBehind(listener, missed, sent)) this.control(server, encodePositionFrame(last.seq, now));
    this.#watcher.opened(listener);
    return { socket: server, response: new Response(null, { status: 101, webSocket: client }) };
  }

  /**
   * Sends frames to every listener whose filter lets them through and whose token still holds.
   * @returns To how many each frame was sent.
   */
  broadcast(frames: LoggedFrame[], now: number): number[] {
    const receivers = new Array<number>(frames.length).fill(0);
    const messages = new Map<string, string[]>();
    const lengths = frames.map(({ text }) => text.length);
    const position = this.#positionAfter(frames, now);
    for (const [socket, listener] of this.#open) {
      if (now >= listener.expiresAt) {
        this.close(socket, "token_expired");
        continue;
      }
      const sent = this.#sendTo(socket, listener, frames, messages);
      for (const index of sent) receivers[index] = (receivers[index] ?? 0) + 1;
      if (position !== null && isBehind(listener, frames, sent)) this.control(socket, position);
      if (listener.speaksV1 && sent.length > 0) this.#keepPace(socket, frames, sent, lengths);
    }
    return receivers;
  }

  /** A client says how far it has read. @returns Whether it was asked. */
  confirmed(socket: WebSocket, seq: number): boolean {
    return this.#paces.get(socket)?.confirmed(seq) ?? false;
  }

  /** Sends a frame that is no event to one listener. */
  control(socket: WebSocket, frame: string): void {
    sendQuietly(socket, [frame]);
  }

  /** What is known of the listener behind a socket; undefined when it has been closed. */
  get(socket: WebSocket): Listener | undefined {
    return this.#open.get(socket);
  }

  /** Changes what is known of a listener. */
  update(socket: WebSocket, change: Partial<Listener>): void {
    const listener = this.#open.get(socket);
    if (!listener) return;
    // A guest's next ticket has another subject, under which the socket counts from then on.
    this.#subtract(listener);
    writeAttachment(socket, Object.assign(listener, change));
    this.#add(socket, listener);
  }

  /** Closes every socket whose listener the condition picks; returns how many. */
  closeWhere(condition: (listener: Listener) => boolean, reason: SocketRefusal): number {
    const picked = [...this.#open].filter(([, listener]) => condition(listener));
    for (const [socket] of picked) this.close(socket, reason);
    return picked.length;
  }

  close(socket: WebSocket, reason: SocketRefusal): void {
    const { close, title }: { close: CloseCode; title: string } = REFUSALS[reason];
    closeQuietly(socket, close, title);
    this.remove(socket, close);
  }

  /**
   * A client closes: says goodbye, and forgets it. The runtime answers the close of a hibernating socket for nobody
   * (workerd 1.20261023), and a client without an answer waits for seconds and then reports 1006.
   * @param code What the client said.
   */
  goodbye(socket: WebSocket, code: number): void {
    closeQuietly(socket, 1000, "");
    this.remove(socket, code);
  }

  /** Forgets a socket that has closed, with a code. */
  remove(socket: WebSocket, code: number): void {
    // A socket that closes while the object hibernates is not among those that it finds when it wakes.
    const listener = this.#open.get(socket) ?? readAttachment(socket);
    if (!listener) return;
    removeAttachment(socket);
    if (this.#open.delete(socket)) this.#subtract(listener);
    this.#watcher.closed(listener, code);
  }

  /** The frame that tells the position, when these events complete a stretch after which that is due. */
  #positionAfter(frames: LoggedFrame[], now: number): string | null {
    const [first, last] = [frames[0], frames.at(-1)];
    if (!first || !last) return null;
    const stretches = (seq: number) => Math.floor(seq / this.#positionEvery);
    return stretches(last.seq) > stretches(first.seq - 1) ? encodePositionFrame(last.seq, now) : null;
  }

  #subtract(listener: Listener): void {
    const others = this.countOf(listener.subject) - 1;
    if (others > 0) this.#bySubject.set(listener.subject, others);
    else this.#bySubject.delete(listener.subject);
  }

  #add(socket: WebSocket, listener: Listener): void {
    this.#open.set(socket, listener);
    this.#bySubject.set(listener.subject, this.countOf(listener.subject) + 1);
  }

  /** Asks a client how far it has read, when it is time; one that is too far behind is closed, and may come back. */
  #keepPace(socket: WebSocket, frames: LoggedFrame[], sent: number[], lengths: number[]): void {
    const pace = this.#paces.get(socket) ?? new Pace();
    this.#paces.set(socket, pace);
    const characters = sent.reduce((sum, index) => sum + (lengths[index] ?? 0), 0);
    const due = pace.sent(characters, frames[sent.at(-1) ?? 0]?.seq ?? 0);
    if (due === "ask") this.control(socket, ACK_REQUEST);
    if (due === "too_slow") this.close(socket, "too_slow");
  }

  /** @returns The indexes of the frames that were sent. */
  #sendTo(socket: WebSocket, listener: Listener, frames: LoggedFrame[], made: Map<string, string[]>): number[] {
    const picked: number[] = [];
    for (const [index, frame] of frames.entries()) if (passes(listener, frame)) picked.push(index);
    if (picked.length === 0) return [];
    return sendQuietly(socket, messagesFor(listener.speaksV1, frames, picked, made)) ? picked : [];
  }
}

function passes(listener: Listener, frame: LoggedFrame): boolean {
  return listener.products === null || frame.productId === null || listener.products.includes(frame.productId);
}

/** Whether a client that can be told does not know of the last of these frames. */
function isBehind({ speaksV1, products }: Listener, frames: LoggedFrame[], sent: number[]): boolean {
  return speaksV1 && products !== null && sent.at(-1) !== frames.length - 1;
}

/**
 * A listener's filter after `subscribe` or `unsubscribe`. Who hears of everything and subscribes to a product hears of
 * that one from then on; who hears of everything and unsubscribes from one still hears of everything, because a filter
 * names products.
 * @returns The filter, null for everything, or `too_many`.
 */
export function changeFilter(
  products: string[] | null,
  change: { type: "subscribe" | "unsubscribe"; product_ids: string[] },
): string[] | null | "too_many" {
  if (change.type === "unsubscribe") return products?.filter((id) => !change.product_ids.includes(id)) ?? null;
  const changed = new Set([...(products ?? []), ...change.product_ids]);
  return changed.size <= MAX_FILTER_PRODUCTS ? [...changed] : "too_many";
}

function sendQuietly(socket: WebSocket, messages: readonly string[]): boolean {
  if (socket.readyState !== WebSocket.OPEN) return false;
  try {
    for (const message of messages) socket.send(message);
    return true;
  } catch {
    // It closed between the check and the send; its close event is on the way.
    return false;
  }
}

function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // It is closed already.
  }
}
