/** How long a test waits for what comes at once, however slow the machine is. */
const PATIENCE_MS = 15_000;

export interface Frame {
  type: string;
  data: Record<string, unknown>;
  id: string;
  seq: number;
  ts: string;
}

/** A client's end of a WebSocket, in workerd: it queues what comes, so that a test can ask for it afterwards. */
export class TestSocket {
  /** Of the 101 answer. */
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

  /** The next message as it is. */
  async text(): Promise<string> {
    await this.#until(() => this.#queue.length > 0, "no message came");
    return String(this.#queue.shift());
  }

  /** The next message, one frame. */
  async frame(): Promise<Frame> {
    return JSON.parse(await this.text());
  }

  /** The next so many messages, one frame each. */
  async frames(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.frame());
    return frames;
  }

  /** How the server closed; the test fails when it does not. */
  async closed(): Promise<{ code: number; reason: string }> {
    await this.#until(() => this.#close !== undefined, "it was not closed");
    return this.#close as { code: number; reason: string };
  }

  /** Sends `ping` and takes the answer: whatever was sent before it has come by then. @returns What came before. */
  async settle(): Promise<string[]> {
    this.send("ping");
    const before: string[] = [];
    for (let text = await this.text(); text !== "pong"; text = await this.text()) before.push(text);
    return before;
  }

  /** What has come and was not asked for yet. */
  drain(): string[] {
    return this.#queue.splice(0);
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

/** What became of a connection: the first frame's type, the close code, or the HTTP status of a handshake that failed. */
export async function outcomeOf(response: Response): Promise<string | number> {
  if (response.status !== 101) return response.status;
  const socket = new TestSocket(response);
  try {
    return (await socket.frame()).type;
  } catch {
    return (await socket.closed()).code;
  }
}
