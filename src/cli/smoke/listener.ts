import * as z from "zod";
import { type OrderEstablishedFrame, PING, PONG } from "../../protocol/frames.ts";
import { parseJson } from "../../protocol/json.ts";
import { type Closing, describeClosing } from "../shared/closing.ts";
import { Condition } from "../shared/condition.ts";
import { CheckFailure } from "./check.ts";

const ESTABLISHED: OrderEstablishedFrame["type"] = "connection_established";

// Loose, so that fields of a newer service do not fail the smoke test. Without `tidings.v1`, a message is one frame.
const looseEstablishedFrame = z.looseObject({
  type: z.literal(ESTABLISHED),
  data: z.looseObject({ channel: z.string(), epoch: z.string(), seq: z.int(), resumed: z.boolean().nullable() }),
});
const looseEventFrame = z.looseObject({
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  id: z.string(),
  seq: z.int(),
  ts: z.string(),
});
type EstablishedData = z.infer<typeof looseEstablishedFrame>["data"];
type ReceivedEvent = z.infer<typeof looseEventFrame>;

/** A plain WebSocket that records everything it receives: the smoke test checks the wire itself, without the SDK. */
export class SmokeListener {
  readonly name: string;
  readonly events: ReceivedEvent[] = [];
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  #established: EstablishedData | undefined;
  #closing: Closing | undefined;
  #pongs = 0;
  readonly #changed = new Condition();

  /** @param name The listener's name in the results of checks. */
  constructor(name: string, url: string, timeoutMs: number) {
    this.name = name;
    this.#timeoutMs = timeoutMs;
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => this.#receive(String(data)));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#closing = { code, reason };
      this.#changed.notify();
    });
  }

  /** Returns the first frame's `data`. */
  established(): Promise<EstablishedData> {
    return this.#until(() => this.#established, "no first frame: does the service accept WebSockets at this URL?");
  }

  /** Returns the event with this id. */
  event(id: string): Promise<ReceivedEvent> {
    return this.#until(
      () => this.events.find((event) => event.id === id),
      "the event did not arrive: it was published, and lost on its way to this listener",
    );
  }

  /** Sends `ping` and waits for `pong`, by which time every earlier message has arrived. */
  async settle(): Promise<void> {
    const before = this.#pongs;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(PING);
    await this.#until(() => this.#pongs > before || undefined, `no ${PONG} after a ${PING}: keep-alives go unanswered`);
  }

  /** Returns how the socket was closed. @param otherwise What to report when it stays open. */
  closed(otherwise = "the socket stayed open: the service should have closed it"): Promise<Closing> {
    return this.#until(() => this.#closing, otherwise, true);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #receive(text: string): void {
    const frame = parseJson(text);
    const established = looseEstablishedFrame.safeParse(frame);
    const event = looseEventFrame.safeParse(frame);
    if (text === PONG) this.#pongs++;
    else if (established.success) this.#established ??= established.data.data;
    else if (event.success) this.events.push(event.data);
    this.#changed.notify();
  }

  /** Waits until `find` returns something. @throws {CheckFailure} with `otherwise` when it does not in time. */
  async #until<T>(find: () => T | undefined, otherwise: string, mayBeClosed = false): Promise<T> {
    const found = await this.#changed.until(() => {
      const value = find();
      if (value !== undefined || !this.#closing || mayBeClosed) return value;
      throw new CheckFailure(`${this.name}: the socket was closed with ${describeClosing(this.#closing)}`);
    }, this.#timeoutMs);
    if (found !== undefined) return found;
    throw new CheckFailure(`${this.name}: ${otherwise} (waited ${this.#timeoutMs / 1000} s)`);
  }
}
