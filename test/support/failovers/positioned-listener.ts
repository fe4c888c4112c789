import type { Frame } from "../test-socket.ts";
import { mintToken } from "../tokens.ts";

/**
 * A listener over a real socket that keeps its position across connections, as any careful client does, and checks that
 * every connection continues it.
 */
export class PositionedListener {
  /** How often it learned that events may be lost: a position that no longer counts, or a new epoch. */
  gaps = 0;
  /** What contradicts the protocol. */
  readonly violations: string[] = [];
  readonly #url: string;
  readonly #onEvent: (frame: Frame, epoch: string) => void;
  #position: { epoch: string; seq: number } | null = null;
  #socket: WebSocket | null = null;

  /** @param onEvent Receives every event, however often it arrives. */
  constructor(service: string, path: string, onEvent: (frame: Frame, epoch: string) => void) {
    this.#url = `${service.replace("http", "ws")}/api/v1/ws/${path}`;
    this.#onEvent = onEvent;
  }

  get isConnected(): boolean {
    return this.#socket !== null;
  }

  /** Connects with its position, and waits for the first frame. */
  async connect(): Promise<void> {
    const { epoch, seq } = this.#position ?? {};
    const query = new URLSearchParams({ token: await mintToken(), ...(epoch && { epoch, since: String(seq) }) });
    const socket = new WebSocket(`${this.#url}?${query}`);
    const opened = Promise.withResolvers<void>();
    let isFirst = true;
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket !== socket) return;
      this.#take(JSON.parse(String(data)), isFirst);
      isFirst = false;
      opened.resolve();
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.#socket === socket) this.#socket = null;
      opened.reject(new Error(`closed with ${code}`));
    });
    this.#socket = socket;
    await opened.promise;
  }

  /** Closes the connection. Events not received yet are left for the next one. */
  drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #take(frame: Frame, isFirst: boolean): void {
    if (frame.type !== "connection_established") {
      const expected = (this.#position?.seq ?? 0) + 1;
      if (frame.seq !== expected) this.violations.push(`seq ${frame.seq} in place of ${expected}`);
      const epoch = this.#position?.epoch ?? "";
      this.#position = { epoch, seq: frame.seq };
      this.#onEvent(frame, epoch);
      return;
    }
    const { epoch, seq, resumed } = frame.data;
    if (isFirst && resumed === true) return;
    if (this.#position) this.gaps++;
    this.#position = { epoch: String(epoch), seq: Number(seq) };
  }
}
