import { MAX_FILTER_PRODUCTS, PING, PONG } from "../protocol/frames.ts";
import { REFUSALS } from "../protocol/refusals.ts";
import { type Listener, readAttachment, writeAttachment } from "./attachment.ts";
import type { LoggedFrame } from "./history.ts";

/** Frames to a `tidings.v1` client go out together, in messages of about this many characters. */
const MAX_MESSAGE_LENGTH = 256 * 1024;

/**
 * The sockets of one channel and who is behind them. The runtime keeps both through hibernation; this keeps them at
 * hand while the object is awake, because reading an attachment costs about as much as sending a frame.
 */
export class Listeners {
  readonly #ctx: DurableObjectState;
  readonly #onCount: (count: number) => void;
  readonly #open = new Map<WebSocket, Listener>();

  /** @param onCount Told how many there are whenever that changes. */
  constructor(ctx: DurableObjectState, onCount: (count: number) => void) {
    this.#ctx = ctx;
    this.#onCount = onCount;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    for (const socket of ctx.getWebSockets()) {
      const listener = readAttachment(socket);
      if (listener) this.#open.set(socket, listener);
      else close(socket, 4200, "Reconnect, please");
    }
  }

  get count(): number {
    return this.#open.size;
  }

  /** Accepts a client: the first frame, then what it missed, then it is one of the listeners. */
  accept(listener: Listener, first: string, missed: LoggedFrame[]): Response {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.#ctx.acceptWebSocket(server);
    writeAttachment(server, listener);
    this.#open.set(server, listener);
    server.send(first);
    this.#sendTo(server, listener, missed, new Map());
    this.#onCount(this.count);
    return new Response(null, { status: 101, webSocket: client });
  }

  /**
   * Sends frames to every listener whose filter lets them through and whose token still holds.
   * @returns To how many each frame was sent.
   */
  broadcast(frames: LoggedFrame[], now: number): number[] {
    const receivers = new Array<number>(frames.length).fill(0);
    const messages = new Map<string, string[]>();
    for (const [socket, listener] of this.#open) {
      if (now >= listener.expiresAt) {
        this.close(socket, REFUSALS.token_expired.close, REFUSALS.token_expired.title);
        continue;
      }
      for (const index of this.#sendTo(socket, listener, frames, messages))
        receivers[index] = (receivers[index] ?? 0) + 1;
    }
    return receivers;
  }

  /** Changes which products a listener hears of; false when that would be too many. */
  filter(socket: WebSocket, change: { type: "subscribe" | "unsubscribe"; product_ids: string[] }): boolean {
    const listener = this.#open.get(socket);
    if (!listener) return true;
    const products = new Set(listener.products);
    for (const id of change.product_ids) {
      if (change.type === "subscribe") products.add(id);
      else products.delete(id);
    }
    if (products.size > MAX_FILTER_PRODUCTS) return false;
    // Someone who hears everything and unsubscribes from one product still hears everything: a filter only names products.
    if (listener.products !== null || change.type === "subscribe") listener.products = [...products];
    writeAttachment(socket, listener);
    return true;
  }

  /** Closes every socket whose listener the condition picks; returns how many. */
  closeWhere(condition: (listener: Listener) => boolean, code: number, reason: string): number {
    const picked = [...this.#open].filter(([, listener]) => condition(listener));
    for (const [socket] of picked) this.close(socket, code, reason);
    return picked.length;
  }

  close(socket: WebSocket, code: number, reason: string): void {
    close(socket, code, reason);
    this.remove(socket);
  }

  /** Forgets a socket that has closed. */
  remove(socket: WebSocket): void {
    if (this.#open.delete(socket)) this.#onCount(this.count);
  }

  /** @returns The indexes of the frames that were sent. */
  #sendTo(socket: WebSocket, listener: Listener, frames: LoggedFrame[], messages: Map<string, string[]>): number[] {
    const picked: number[] = [];
    for (const [index, frame] of frames.entries()) if (passes(listener, frame)) picked.push(index);
    if (picked.length === 0 || socket.readyState !== WebSocket.OPEN) return [];
    try {
      for (const message of messagesFor(listener, frames, picked, messages)) socket.send(message);
      return picked;
    } catch {
      // It closed between the check and the send; its close event is on the way.
      return [];
    }
  }
}

function passes(listener: Listener, frame: LoggedFrame): boolean {
  return listener.products === null || frame.productId === null || listener.products.includes(frame.productId);
}

/** A plain client gets each frame as its own message; a `tidings.v1` client gets several as an array, made once for all who get the same. */
function messagesFor(
  listener: Listener,
  frames: LoggedFrame[],
  picked: number[],
  made: Map<string, string[]>,
): readonly string[] {
  const texts = picked.length === frames.length ? frames : picked.flatMap((index) => frames[index] ?? []);
  if (!listener.speaksV1) return texts.map(({ text }) => text);
  const key = picked.length === frames.length ? "all" : picked.join();
  let messages = made.get(key);
  if (!messages) {
    messages = packMessages(texts.map(({ text }) => text));
    made.set(key, messages);
  }
  return messages;
}

/** Joins frames into JSON arrays of a bounded length, in order; one alone stays as it is. */
export function packMessages(frames: string[], maxLength = MAX_MESSAGE_LENGTH): string[] {
  const messages: string[] = [];
  let parts: string[] = [];
  let length = 0;
  for (const frame of frames) {
    if (parts.length > 0 && length + frame.length > maxLength) {
      messages.push(packed(parts));
      parts = [];
      length = 0;
    }
    parts.push(frame);
    length += frame.length + 1;
  }
  if (parts.length > 0) messages.push(packed(parts));
  return messages;
}

const packed = (frames: string[]) => (frames.length === 1 ? String(frames[0]) : `[${frames.join()}]`);

function close(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // It is closed already.
  }
}
