import { once } from "node:events";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../support/eventually.ts";
import { mintToken } from "../support/tokens.ts";
import type { EventFrame, Received, SocketRequest, Token } from "./exchanges.ts";

const TOKENS: Record<Token, () => Promise<string>> = {
  owner: () => mintToken({ subject: "alice" }),
  ending: () => mintToken({ subject: "alice", expiresIn: 2 }),
  customer: () => mintToken({ subject: "bob" }),
  admin: () => mintToken({ subject: "root", role: "admin" }),
  garbage: async () => "garbage",
  forged: () => mintToken({ secret: "another-secret-that-verifies-nothing-either" }),
  expired: () => mintToken({ expiresIn: -60 }),
  anonymous: () => mintToken({ claims: { sub: undefined } }),
  endless: () => mintToken({ claims: { exp: undefined } }),
};

/** A client of the original in Node, which can send an `Origin`. */
export class OriginalClient {
  readonly received: Received = { messages: [], code: null };
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => this.received.messages.push(withoutAdded(String(data))));
    socket.on("close", (code) => {
      this.received.code = code;
    });
  }

  /** Connects, and waits until the service accepts the handshake. */
  static async connect(service: string, { path, token, origin, query = {} }: SocketRequest): Promise<OriginalClient> {
    const search = new URLSearchParams({ ...query, ...(token && { token: await TOKENS[token]() }) });
    const url = `${service.replace("http", "ws")}/api/v1/ws/${path}?${search}`;
    const client = new OriginalClient(new WebSocket(url, { ...(origin && { origin }) }));
    await once(client.#socket, "open");
    return client;
  }

  /** The received frames, the first one included. */
  get frames(): EventFrame[] {
    return this.received.messages.filter((message) => typeof message === "object") as EventFrame[];
  }

  /** Whether neither side has sent a Close frame. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Expects that it receives this, and nothing else before the answer to a ping. */
  async expect(expected: Received): Promise<void> {
    await eventually(() => expect(this.received).toEqual(expected));
    if (expected.code !== null) return;
    this.send("ping");
    await eventually(() => expect(this.received).toEqual({ ...expected, messages: [...expected.messages, "pong"] }));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Parses a message and removes the fields that Tidings adds; the original's clients do not read them. */
export function withoutAdded(text: string): unknown {
  if (!text.startsWith("{")) return text;
  const { id, seq, ts, ...frame } = JSON.parse(text);
  if (frame.type !== "connection_established") return frame;
  const { epoch, seq: position, resumed, tracking_number, carrier, ...data } = frame.data;
  if (data.order_id !== undefined) delete data.channel;
  return { ...frame, data };
}
