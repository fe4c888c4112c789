import { JSON_PONG, PING, PONG } from "../../src/protocol/frames.ts";

/** How long a test waits for a message; generous for slow machines. */
const PATIENCE_MS = 30_000;

export interface Frame {
  type: string;
  data: Record<string, unknown>;
  id: string;
  seq: number;
  ts: string;
}

/** The client side of a WebSocket in workerd; queues messages until a test takes them. */
export class TestSocket {
  /** Headers of the 101 answer. */
  readonly headers: Headers;
  readonly #socket: WebSocket;
  readonly #queue: string[] = [];
  #close: { code: number; reason: string } | undefined;
  #wake: () => void = () => {};

  constructor(response: Response) {
    const socket = response.webSocket;
    if (!socket) throw new Error(`expected a WebSocket, got status ${response.status}`);
    this.headers = response.headers;
    this.#socket = socket;
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      this.#queue.push(String(data));
      this.#wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.#close = { code, reason };
      this.#wake();
    });
  }

  /** Takes the next message as text. */
  async text(): Promise<string> {
    await this.#until(() => this.#queue.length > 0, "no message came");
    return String(this.#queue.shift());
  }

  /** Takes the next message, which is one frame. */
  async frame(): Promise<Frame> {
    return JSON.parse(await this.text());
  }

  /** Takes the next `count` messages, one frame each. */
  async frames(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.frame());
    return frames;
  }

  /** Waits until the server closes the socket. */
  async closed(): Promise<{ code: number; reason: string }> {
    await this.#until(() => this.#close !== undefined, "it was not closed");
    return this.#close as { code: number; reason: string };
  }

  /** Sends `ping` and waits for `pong`. @returns The messages received before it, which is everything sent earlier. */
  settle(): Promise<string[]> {
    return this.#answered(PING, PONG);
  }

  /** The same with a JSON ping, which wakes the object: also events that waited for the next message come first. */
  catchUp(): Promise<string[]> {
    return this.#answered('{"type":"ping"}', JSON_PONG);
  }

  async #answered(question: string, answer: string): Promise<string[]> {
    this.send(question);
    const before: string[] = [];
    for (let text = await this.text(); text !== answer; text = await this.text()) before.push(text);
    return before;
  }

  /** Takes all received messages without waiting. */
  drain(): string[] {
    return this.#queue.splice(0);
  }

  /** The code it was closed with; null while it is open. */
  get closeCode(): number | null {
    return this.#close?.code ?? null;
  }

  send(message: string | ArrayBuffer): void {
    this.#socket.send(message);
  }

  close(code = 1000): void {
    this.#socket.close(code);
  }

  async #until(condition: () => boolean, otherwise: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0 || (this.#close && otherwise !== "it was not closed")) {
        throw new Error(
          `${otherwise}${this.#close ? ` before it closed with ${this.#close.code}` : ` within ${PATIENCE_MS} ms`}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** @returns The type of the first frame, the close code, or the HTTP status of a failed handshake. */
export async function outcomeOf(response: Response): Promise<string | number> {
  if (response.status !== 101) return response.status;
  const socket = new TestSocket(response);
  try {
    return (await socket.frame()).type;
  } catch {
    return (await socket.closed()).code;
  }
}
