import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";

/**
 * The client side of a benchmark. Its sockets parse only as much of the WebSocket protocol (RFC 6455) as counting
 * needs, on plain TCP, so that the client is much faster than the server.
 */

/** Concurrent handshakes and, where publishing alone is measured, publishes. */
export const CALLS_AT_ONCE = 32;

const OPCODE_TEXT = 1;
const OPCODE_CLOSE = 8;
/** The longest frame header without a mask: 2 bytes and a 64-bit length. */
const MAX_HEADER_BYTES = 10;
/** A client's close frame with code 1000. Clients must mask (RFC 6455, section 5.3); a zero mask keeps the payload. */
const CLOSE_FRAME = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
/** No `ack_request` is longer, so that the text of longer messages need not be kept. */
const MAX_ACK_REQUEST_BYTES = 110;
/** Matches an `ack_request` up to the fields that an `ack` repeats. */
const ACK_REQUEST = /^\{"type":"ack_request",/;
/** How long a server may take to answer a close frame. */
const CLOSE_TIMEOUT_MS = 1000;
/** Any valid nonce; the answer to it is not checked. */
const HANDSHAKE_KEY = Buffer.alloc(16).toString("base64");

/** A WebSocket that counts what it receives. */
export class CountingSocket {
  messages = 0;
  /** Payload bytes of all messages. */
  bytes = 0;
  onMessage: () => void = () => {};
  /** Receives the text of each message, before `onMessage`. Without it, messages are only counted. */
  onText: ((text: string) => void) | null = null;
  /** The chunks of the current message. */
  #text: Buffer[] = [];
  readonly #socket: Socket;
  readonly #opened = Promise.withResolvers<this>();
  readonly #closed = Promise.withResolvers<void>();
  #isUpgraded = false;
  /** An incomplete frame header. */
  #rest: Buffer = Buffer.alloc(0);
  /** Payload bytes of the current frame that are still missing. */
  #missing = 0;
  #length = 0;
  #opcode = 0;

  /**
   * Connects.
   * @param subprotocol The one to offer, if any.
   * @returns The socket, after its first message.
   * @throws when it is refused or closed before that.
   */
  static open(url: string, path: string, subprotocol?: string): Promise<CountingSocket> {
    return new CountingSocket(new URL(url), path, subprotocol).#opened.promise;
  }

  private constructor({ hostname, port, host }: URL, path: string, subprotocol: string | undefined) {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        (subprotocol === undefined ? "" : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`) +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${HANDSHAKE_KEY}\r\n\r\n`,
    );
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => this.#opened.reject(error));
    this.#socket.on("close", () => {
      this.#opened.reject(new Error("the socket closed before its first message"));
      this.#closed.resolve();
    });
  }

  /** Closes the socket. Resolves when the server has answered, or after a time limit. */
  close(): Promise<void> {
    this.#socket.write(CLOSE_FRAME);
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    this.#socket.once("close", () => clearTimeout(timer));
    return this.#closed.promise;
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = Buffer.alloc(0);
    if (!this.#isUpgraded) {
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#rest = data;
        return;
      }
      const status = data.subarray(0, data.indexOf("\r\n")).toString();
      if (!status.includes(" 101 ")) this.#fail(status);
      this.#isUpgraded = true;
      data = data.subarray(end + 4);
    }
    this.#readFrames(data);
  }

  #readFrames(data: Buffer): void {
    let offset = 0;
    while (offset < data.length) {
      if (this.#missing === 0) {
        const length = this.#readHeader(data, offset);
        if (length === 0) {
          this.#rest = data.subarray(offset);
          return;
        }
        offset += length;
      }
      const length = Math.min(this.#missing, data.length - offset);
      if (this.onText || this.#length <= MAX_ACK_REQUEST_BYTES) this.#text.push(data.subarray(offset, offset + length));
      this.#missing -= length;
      offset += length;
      if (this.#missing === 0 && this.#opcode === OPCODE_TEXT) this.#countMessage();
    }
  }

  /** @returns The header's length, or 0 while it is incomplete. */
  #readHeader(data: Buffer, offset: number): number {
    const left = data.length - offset;
    if (left < 2) return 0;
    const short = data.readUInt8(offset + 1) & 0x7f;
    const length = short === 127 ? MAX_HEADER_BYTES : short === 126 ? 4 : 2;
    if (left < length) return 0;
    this.#opcode = data.readUInt8(offset) & 0x0f;
    // The close code, two bytes, arrives together with the header.
    if (this.#opcode === OPCODE_CLOSE)
      this.#fail(`closed with ${left >= 4 ? data.readUInt16BE(offset + 2) : "no code"}`);
    this.#length =
      short === 127 ? Number(data.readBigUInt64BE(offset + 2)) : short === 126 ? data.readUInt16BE(offset + 2) : short;
    this.#missing = this.#length;
    return length;
  }

  #countMessage(): void {
    const text = Buffer.concat(this.#text).toString();
    this.#text = [];
    if (ACK_REQUEST.test(text)) {
      this.#socket.write(textFrame(text.replace(ACK_REQUEST, '{"type":"ack",')));
      return;
    }
    this.messages++;
    this.bytes += this.#length;
    this.onText?.(text);
    if (this.messages === 1) this.#opened.resolve(this);
    this.onMessage();
  }

  /** Explains why there is no first message; a later end shows as missing messages. */
  #fail(reason: string): void {
    this.#opened.reject(new Error(`no first message: ${reason}`));
    this.#socket.destroy();
  }
}

/** A client's text frame of at most 125 bytes, with a zero mask. */
const textFrame = (text: string) =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

/** Drops connections that have been idle for so long, before the server does. */
const MAX_IDLE_MS = 1000;
const agent = new Agent({ keepAlive: true, timeout: MAX_IDLE_MS });

export interface HttpCall {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** @returns The answer's body. @throws when the status is not 2xx. */
export async function call(url: string, { method, path, headers = {}, body = "" }: HttpCall): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const length = { "Content-Length": Buffer.byteLength(body) };
  const outgoing = request(
    new URL(path, url).href,
    { method, headers: { ...headers, ...length }, agent },
    (response) => {
      const status = response.statusCode ?? 0;
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (status >= 200 && status < 300) resolve(text);
        else reject(new Error(`${method} ${path} was answered ${status}: ${text}`));
      });
    },
  );
  outgoing.on("error", reject).end(body);
  return promise;
}
