import { setTimeout as wait } from "node:timers/promises";
import { WebSocket } from "ws";
import { mintToken } from "../../support/tokens.ts";
import type { ListenerLog, OrderView, Segment } from "../model/record.ts";

/** A client that keeps its position as the SDK does, reconnects, and records everything that it receives. */

export interface ListenerOptions {
  name: string;
  /** Where it connects. */
  url: string;
  channel: string;
  filter: string[] | null;
  speaksV1: boolean;
  /** Whose token it has; `admin` for an admin. */
  subject: string;
}

const PING_MS = 1000;
/** Without any sign of life for so long, a connection is dead. Longer than the service's longest pause under load. */
const DEAD_AFTER_MS = 8000;
const MAX_BACKOFF_MS = 400;
/** Closes after which the same connection may succeed later: 1006 is a lost connection. */
const MAY_RETRY = (code: number) => code < 4000 || code >= 4100;

interface Frame {
  type: string;
  seq: number;
  id: string;
  data: Record<string, unknown>;
}

export class ChaosListener {
  readonly options: ListenerOptions;
  readonly segments: Segment[] = [];
  /** Times it connected. */
  connects = 0;
  /** The code of a close that is final, which no listener of a run deserves. */
  refusal: number | null = null;
  #socket: WebSocket | null = null;
  #isLive = false;
  #isDone = false;
  #seenAt = 0;
  readonly #ping: NodeJS.Timeout;

  constructor(options: ListenerOptions) {
    this.options = options;
    this.#ping = setInterval(() => this.#checkLife(), PING_MS);
    void this.#connect();
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** The position: the last event received, or where the last segment began. */
  get position(): { epoch: string; seq: number } | null {
    const last = this.segments.at(-1);
    return last ? { epoch: last.epoch, seq: last.events.at(-1)?.seq ?? last.from } : null;
  }

  get log(): Omit<ListenerLog, "isCaughtUp"> {
    const { name, channel, filter } = this.options;
    return { name, channel, filter, segments: this.segments };
  }

  /** Stops reading, as a slow client does. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
    this.#seenAt = Date.now();
  }

  /** Reconnects without a close frame. */
  cut(): void {
    this.#socket?.terminate();
  }

  close(): void {
    this.#isDone = true;
    clearInterval(this.#ping);
    this.#socket?.terminate();
  }

  async #connect(): Promise<void> {
    const { url, channel, filter, speaksV1, subject } = this.options;
    const role = subject === "admin" ? { role: "admin" } : {};
    const query = new URLSearchParams({ token: await mintToken({ subject, expiresIn: 7200, ...role }) });
    const { position } = this;
    if (position) {
      query.set("since", String(position.seq));
      query.set("epoch", position.epoch);
    }
    for (const product of filter ?? []) query.append("product_id", product);
    if (this.#isDone) return;
    this.connects++;
    this.#seenAt = Date.now();
    const path = channel.replace("order_", "orders/");
    const protocols = speaksV1 ? ["tidings.v1"] : [];
    const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/ws/${path}?${query}`, protocols, {
      perMessageDeflate: false,
      handshakeTimeout: DEAD_AFTER_MS,
    });
    this.#socket = socket;
    let isFirst = true;
    socket.on("message", (data) => {
      this.#seenAt = Date.now();
      const text = String(data);
      if (text === "pong") return;
      for (const frame of [JSON.parse(text)].flat() as Frame[]) {
        if (frame.type === "ack_request") socket.send(JSON.stringify({ ...frame, type: "ack" }));
        this.#receive(frame, isFirst);
        if (frame.type === "connection_established") isFirst = false;
      }
    });
    socket.on("unexpected-response", (_, response) => {
      response.resume();
      socket.terminate();
    });
    socket.on("error", () => {});
    socket.on("close", async (code) => {
      if (socket !== this.#socket) return;
      this.#isLive = false;
      if (!MAY_RETRY(code)) this.refusal = code;
      if (this.#isDone || this.refusal !== null) return;
      await wait(Math.random() * MAX_BACKOFF_MS);
      void this.#connect();
    });
  }

  #receive(frame: Frame, isFirst: boolean): void {
    const { type, data, seq, id } = frame;
    if (type === "connection_established") {
      const { epoch, resumed } = data as { epoch: string; resumed: boolean | null };
      const at = Number(data.seq);
      const isResumed = isFirst && resumed === true;
      const from = isResumed ? (this.position?.seq ?? at) : at;
      // An announcement on an open connection begins a new epoch, and nothing before it is replayed.
      this.segments.push({
        epoch,
        from,
        resumed: isFirst ? resumed : false,
        first: { seq: at, state: this.options.channel === "products" ? null : viewOf(data) },
        events: [],
      });
      this.#isLive = true;
    } else if (Number.isInteger(seq) && typeof id === "string") {
      this.segments.at(-1)?.events.push({ seq, id, type, data });
    }
  }

  #checkLife(): void {
    const socket = this.#socket;
    if (!socket || socket.isPaused) return;
    if (socket.readyState === WebSocket.OPEN) socket.send("ping");
    if (Date.now() - this.#seenAt > DEAD_AFTER_MS) socket.terminate();
  }
}

/** What a first frame or a snapshot says about an order. */
export function viewOf(data: Record<string, unknown>): OrderView {
  const text = (name: keyof OrderView, value: unknown) => (typeof value === "string" ? { [name]: value } : {});
  return {
    ...text("status", data.current_status ?? data.status),
    ...text("payment_status", data.payment_status),
    ...text("tracking_number", data.tracking_number),
    ...text("carrier", data.carrier),
  };
}
