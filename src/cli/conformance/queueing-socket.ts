import { KEEPALIVE, PING, PONG } from "../../protocol/frames.ts";
import { parseJson } from "../../protocol/json.ts";
import { type Closing, describeClosing } from "../shared/closing.ts";
import { Condition } from "../shared/condition.ts";
import { BrokenRule, show } from "./match.ts";

/**
 * Multiplies the timeout for a close: Node reports one when the TCP connection ends, which on Cloudflare's runtime may be
 * ten seconds after the close frame.
 */
const CLOSE_PATIENCE = 3;

/** A WebSocket, without the SDK, that queues everything it receives until a step asks for it. */
export class QueueingSocket {
  readonly #name: string;
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  /** Received and not expected yet: JSON values, and texts that are not JSON. */
  readonly #messages: unknown[] = [];
  readonly #changed = new Condition();
  /** The selected subprotocol, empty for none; undefined until the handshake has succeeded. */
  #selected: string | undefined;
  #closing: Closing | undefined;

  constructor(name: string, url: string, subprotocols: string[], timeoutMs: number) {
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    this.#socket = new WebSocket(url, subprotocols);
    this.#socket.addEventListener("open", () => {
      this.#selected = this.#socket.protocol;
      this.#changed.notify();
    });
    this.#socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#closing = { code, reason };
      this.#changed.notify();
    });
  }

  /**
   * Waits for the handshake, after which the socket may be closed again.
   * @returns The selected subprotocol; empty for none.
   * @throws {BrokenRule} when the handshake fails.
   */
  selected(): Promise<string> {
    return this.#until(() => this.#selected, "no connection: does the service accept WebSockets at this URL?");
  }

  /** Returns the next frame, or text that is not JSON. @param expected Names it when it does not arrive. */
  next(expected: string): Promise<{ message: unknown }> {
    return this.#until(
      () => (this.#messages.length > 0 ? { message: this.#messages.shift() } : undefined),
      `${expected} did not arrive`,
    );
  }

  /** Sends `ping`: the next message must be the `pong`, so nothing else was sent before. */
  async quiet(): Promise<void> {
    await this.send(PING);
    const { message } = await this.next(`the ${PONG} for a ${PING}`);
    if (message !== PONG) throw new BrokenRule(`${this.#name}: expected no message, got ${show(message)}`);
  }

  /** Sends a text, unless the socket was closed after the handshake. @throws {BrokenRule} when the handshake fails. */
  async send(text: string): Promise<void> {
    await this.selected();
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  /** Returns how the socket was closed, by the service or in answer to `close`. */
  async closed(): Promise<Closing> {
    const patienceMs = this.#timeoutMs * CLOSE_PATIENCE;
    const closing = await this.#changed.until(() => this.#closing, patienceMs);
    if (closing) return closing;
    throw new BrokenRule(`${this.#name}: the socket stayed open (waited ${patienceMs / 1000} s)`);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #receive(text: string): void {
    if (text === KEEPALIVE) return;
    const message = parseJson(text) ?? text;
    // Only with a subprotocol may a message be an array of frames.
    if (this.#selected && Array.isArray(message)) this.#messages.push(...message);
    else this.#messages.push(message);
    this.#changed.notify();
  }

  /** Waits until `find` returns something. @throws {BrokenRule} when it does not in time, or the socket is closed. */
  async #until<T>(find: () => T | undefined, otherwise: string): Promise<T> {
    const found = await this.#changed.until(() => {
      const value = find();
      if (value !== undefined || !this.#closing) return value;
      throw new BrokenRule(`${this.#name}: ${otherwise}: the socket was closed with ${describeClosing(this.#closing)}`);
    }, this.#timeoutMs);
    if (found !== undefined) return found;
    throw new BrokenRule(`${this.#name}: ${otherwise} (waited ${this.#timeoutMs / 1000} s)`);
  }
}
