import { isDeepStrictEqual } from "node:util";
import { PING, PONG } from "../protocol/frames.ts";
import { type Closing, describeClosing } from "./closing.ts";
import { type ReadFrame, readFrame } from "./frame.ts";

export type EstablishedData = Extract<ReadFrame, { kind: "established" }>["data"];
export type ReceivedEvent = Extract<ReadFrame, { kind: "event" }>;

/** A listener of the smoke test: it keeps all that comes, so that it can be asked afterwards what came and what did not. */
export class SmokeListener {
  readonly name: string;
  readonly events: ReceivedEvent[] = [];
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  #established: EstablishedData | undefined;
  #closing: Closing | undefined;
  #pongs = 0;
  #wake = () => {};

  /** @param name Who listens, as the checks call it. */
  constructor(name: string, url: string, timeoutMs: number) {
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => this.#take(String(data)));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#closing = { code, reason };
      this.#wake();
    });
  }

  /** The first frame's `data`. */
  established(): Promise<EstablishedData> {
    return this.#until(() => this.#established, "no first frame: does the service accept WebSockets there?");
  }

  /** The event with an id. */
  event(id: string): Promise<ReceivedEvent> {
    return this.#until(
      () => this.events.find((event) => event.id === id),
      "the event did not come: it was published, and lost on its way to this listener",
    );
  }

  /** Sends `ping` and waits for its `pong`; whatever was sent to this listener before has come by then. */
  async settle(): Promise<void> {
    const before = this.#pongs;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(PING);
    await this.#until(() => this.#pongs > before || undefined, `no ${PONG} to a ${PING}: keep-alives go unanswered`);
  }

  /** How the socket was closed. @param otherwise What it means when it was not. */
  closed(otherwise = "the socket stayed open: the service should have closed it"): Promise<Closing> {
    return this.#until(() => this.#closing, otherwise, true);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #take(text: string): void {
    if (text === PONG) this.#pongs++;
    else {
      const frame = readFrame(text);
      if (frame.kind === "established") this.#established ??= frame.data;
      if (frame.kind === "event") this.events.push(frame);
    }
    this.#wake();
  }

  /** Waits for what a condition looks for. @throws {CheckFailure} with what its absence means. */
  async #until<T>(find: () => T | undefined, otherwise: string, mayBeClosed = false): Promise<T> {
    const deadline = Date.now() + this.#timeoutMs;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#closing && !mayBeClosed) {
        throw new CheckFailure(`${this.name}: the socket was closed with ${describeClosing(this.#closing)}`);
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new CheckFailure(`${this.name}: ${otherwise} (waited ${this.#timeoutMs / 1000} s)`);
      await this.#change(left);
    }
  }

  #change(atMostMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, atMostMs);
    this.#wake = resolve;
    return promise.finally(() => clearTimeout(timer));
  }
}

/** What a check found wrong, in words for the one who runs it. */
export class CheckFailure extends Error {}

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new CheckFailure(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
