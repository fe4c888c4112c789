import { connect, type Socket } from "node:net";
import { type Dialect, PLAIN } from "./dialects.ts";

/**
 * The client side of a benchmark. Its sockets parse only as much of the WebSocket protocol (RFC 6455) as counting
 * needs, on plain TCP, so that the client is much faster than the server.
 */

const OPCODE_TEXT = 1;
const OPCODE_CLOSE = 8;
/** The longest frame header without a mask: 2 bytes and a 64-bit length. */
const MAX_HEADER_BYTES = 10;
/** A client's close frame with code 1000. Clients must mask (RFC 6455, section 5.3); a zero mask keeps the payload. */
const CLOSE_FRAME = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
/** No control message that needs an answer is longer, so that the text of longer messages need not be kept. */
const MAX_CONTROL_BYTES = 160;
/** How long a server may take to answer a close frame. */
const CLOSE_TIMEOUT_MS = 1000;
/** Any valid nonce; the answer to it is not checked. */
const HANDSHAKE_KEY = Buffer.alloc(16).toString("base64");
/** Receives the bytes of all sockets, one read at a time, which saves an allocation per read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);
const NOTHING = Buffer.alloc(0);

/** A WebSocket that counts what it receives. */
export class CountingSocket {
  messages = 0;
  /** Payload bytes of all messages. */
  bytes = 0;
  /** The text of the first message. */
  greeting = "";
  onMessage: () => void = () => {};
  /** Receives the text of each message, before `onMessage`. Without it, messages are only counted. */
  onText: ((text: string) => void) | null = null;
  /** The parts of the current message. */
  #text: Buffer[] = [];
  readonly #dialect: Dialect;
  readonly #socket: Socket;
  readonly #opened = Promise.withResolvers<this>();
  readonly #closed = Promise.withResolvers<void>();
  #isUpgraded = false;
  /** An incomplete frame header. */
  #rest: Buffer = NOTHING;
  /** Payload bytes of the current frame that are still missing. */
  #missing = 0;
  #length = 0;
  #opcode = 0;

  /**
   * Connects.
   * @returns The socket, after its first message.
   * @throws when it is refused or closed before that.
   */
  static open(url: string, path: string, dialect: Dialect = PLAIN): Promise<CountingSocket> {
    return new CountingSocket(new URL(url), path, dialect).opened;
  }

  /** Connects; `opened` tells when. For listeners who must not miss what follows the first message at once. */
  constructor({ hostname, port, host }: URL, path: string, dialect: Dialect) {
    this.#dialect = dialect;
    const read = (length: number) => {
      this.#read(READ_BUFFER.subarray(0, length));
      return true;
    };
    const onread = { buffer: READ_BUFFER, callback: read };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        (dialect.subprotocol === undefined ? "" : `Sec-WebSocket-Protocol: ${dialect.subprotocol}\r\n`) +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${HANDSHAKE_KEY}\r\n\r\n`,
    );
    this.#socket.on("error", (error) => this.#opened.reject(error));
    this.#socket.on("close", () => {
      this.#opened.reject(new Error("the socket closed before its first message"));
      this.#closed.resolve();
    });
  }

  /** Resolves after the first message. */
  get opened(): Promise<this> {
    return this.#opened.promise;
  }

  /** Closes the socket. Resolves when the server has answered, or after a time limit. */
  close(): Promise<void> {
    this.#socket.write(CLOSE_FRAME);
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    this.#socket.once("close", () => clearTimeout(timer));
    return this.#closed.promise;
  }

  /** Ends the TCP connection without a close frame, as a lost network does. */
  drop(): Promise<void> {
    this.#socket.destroy();
    return this.#closed.promise;
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = NOTHING;
    if (!this.#isUpgraded) {
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#rest = Buffer.from(data);
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
          this.#rest = Buffer.from(data.subarray(offset));
          return;
        }
        offset += length;
      }
      const length = Math.min(this.#missing, data.length - offset);
      if (this.#keepsText()) this.#text.push(Buffer.from(data.subarray(offset, offset + length)));
      this.#missing -= length;
      offset += length;
      if (this.#missing === 0 && this.#opcode === OPCODE_TEXT) this.#countMessage();
    }
  }

  #keepsText(): boolean {
    return this.messages === 0 || this.onText !== null || this.#length <= MAX_CONTROL_BYTES;
  }

  /** Returns the header's length, or 0 while it is incomplete. */
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
    if (this.#text.length > 0) {
      const text = Buffer.concat(this.#text).toString();
      this.#text = [];
      const answer = this.#dialect.answer(text);
      if (answer !== null) {
        this.#socket.write(textFrame(answer));
        return;
      }
      if (this.messages === 0) this.greeting = text;
      this.onText?.(text);
    }
    this.messages++;
    this.bytes += this.#length;
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
