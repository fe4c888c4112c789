import { connect } from "../service.ts";
import type { Frame, TestSocket } from "../test-socket.ts";
import { mintToken } from "../tokens.ts";
import { type AppliedEvent, ListenerLog, type Wanted } from "./listener-log.ts";
import type { Continent } from "./sharded-channel.ts";

/** A listener of products that keeps its position, as the SDK does, and checks what it receives. */

/** How a listener connects. */
export interface Connection {
  continent: Continent;
  user: string;
  speaksV1: boolean;
  isConflated: boolean;
  wanted: Wanted;
}

/** What is known of the channel. */
export interface Channel {
  /** So far, the current one last. */
  epochs(): readonly string[];
  /** The last event that may have been published. */
  newest(): number;
}

/** How long the service may take for what a listener waits for. */
const PATIENCE_MS = 10_000;
/** Back-offs of refused connections are skipped, so more attempts may be needed than in real life. */
const MAX_ATTEMPTS = 200;

export class ShardListener {
  readonly #channel: Channel;
  #socket: TestSocket | null = null;
  #connection: Connection | null = null;
  #log: ListenerLog | null = null;
  /** The logs of earlier connections and epochs, which end somewhere. */
  readonly #ended: ListenerLog[] = [];
  #epoch = "";
  /** Positions of `subscribed` frames that were not awaited yet. */
  readonly #subscribed: number[] = [];
  #pongs = 0;
  #isBusy: Promise<unknown> = Promise.resolve();

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  get isConnected(): boolean {
    return this.#socket !== null;
  }

  get connection(): Connection | null {
    return this.#connection;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** Runs actions on this listener one after another. */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#isBusy.then(action);
    this.#isBusy = done.catch(() => {});
    return done;
  }

  /**
   * Connects, with its position if it has one, until it is admitted.
   * @returns How it resumed, as its first frame says.
   */
  async connect(connection: Connection): Promise<boolean | null> {
    this.drop();
    const position = this.#log && { epoch: this.#epoch, seq: this.#log.position };
    const before = this.#channel.epochs().at(-1);
    for (let attempt = 1; ; attempt++) {
      const data = await this.#open(connection, position);
      if (data) return this.#begin(connection, data, position, before);
      if (attempt === MAX_ATTEMPTS) throw new Error(`no connection in ${attempt} attempts`);
      await pause();
    }
  }

  /** Closes its connection, if there is any, and checks what it has received. */
  drop(): void {
    if (!this.#socket) return;
    this.absorb();
    this.#socket?.close();
    this.#end();
  }

  /** Changes its filter, and waits until the service has done so. @param head Returns the channel's position. */
  async refilter(
    type: "subscribe" | "unsubscribe",
    products: readonly string[],
    settled: () => Promise<number>,
  ): Promise<void> {
    if (!this.#socket || !this.#log || !this.#connection) return;
    const { wanted, speaksV1 } = this.#connection;
    const changed = changedFilter(wanted, type, products);
    this.#connection = { ...this.#connection, wanted: changed };
    this.absorb();
    this.#log.changeFilter(changed);
    this.#subscribed.length = 0;
    this.#socket?.send(JSON.stringify({ type, product_ids: products }));
    if (type === "subscribe" && speaksV1) {
      await this.#until(() => this.#subscribed.length > 0);
      const seq = this.#subscribed.shift();
      if (seq !== undefined) this.#log.confirmFilter(seq);
      return;
    }
    // A plain client receives no confirmation, so this waits for the service itself.
    const pongs = this.#pongs;
    this.#socket?.send('{"type":"ping"}');
    await this.#until(() => this.#pongs > pongs);
    const seq = await settled();
    if (this.#socket) this.#log.confirmFilter(seq);
  }

  /** Takes what has arrived. @throws when the service closed the connection for a reason that no step explains. */
  absorb(): void {
    const socket = this.#socket;
    if (!socket) return;
    for (const text of socket.drain()) this.#take(text);
    const code = socket.closeCode;
    if (code === null) return;
    this.#end();
    if (!EXPECTED_CLOSES.includes(code)) throw new Error(`closed with ${code}`);
  }

  /** @returns What is wrong with what it has received, or null. */
  fault(history: readonly AppliedEvent[], isComplete: boolean): string | null {
    const faults = this.#ended.map((log) => log.fault(history, false));
    return faults.find((fault) => fault !== null) ?? this.#log?.fault(history, isComplete) ?? null;
  }

  /** Returns how many events were left out, because a newer one followed. */
  leftOut(history: readonly AppliedEvent[]): number {
    const logs = this.#log ? [...this.#ended, this.#log] : [];
    return logs.reduce((sum, log) => sum + log.leftOut(history), 0);
  }

  async #open(
    { continent, user, speaksV1, isConflated, wanted }: Connection,
    position: { epoch: string; seq: number } | null,
  ): Promise<Frame["data"] | null> {
    const socket = await connect("products", {
      query: {
        token: await mintToken({ subject: user }),
        ...(position && { since: String(position.seq), epoch: position.epoch }),
        // Without any product, a filter would have everything.
        ...(wanted && { product_id: wanted.length > 0 ? [...wanted] : ["none"] }),
        ...(isConflated && { conflate: "1" }),
      },
      headers: speaksV1 ? { "Sec-WebSocket-Protocol": "tidings.v1" } : {},
      cf: { continent },
    }).catch(() => null);
    // An object that was just killed answers with an HTTP error.
    if (!socket) return null;
    const first = await socket.frame().catch(() => null);
    if (first?.type === "connection_established") {
      this.#socket = socket;
      return first.data;
    }
    const { code } = await socket.closed();
    if (!EXPECTED_CLOSES.includes(code)) throw new Error(`refused with ${code}`);
    return null;
  }

  async #begin(
    connection: Connection,
    data: Frame["data"],
    position: { epoch: string; seq: number } | null,
    before: string | undefined,
  ): Promise<boolean | null> {
    const epoch = String(data.epoch);
    const after = this.#channel.epochs().at(-1);
    const resumed = data.resumed === null ? null : Boolean(data.resumed);
    if ((resumed === null) !== (position === null)) throw new Error(`resumed is ${resumed}`);
    if (resumed && epoch !== position?.epoch) throw new Error("resumed in another epoch");
    const isCertain = position?.epoch === before && position?.epoch === after;
    if (position && !resumed && isCertain) throw new Error(`not resumed from ${position.seq}`);
    const from = resumed && position ? position.seq : Number(data.seq);
    this.#connection = connection;
    this.#epoch = epoch;
    this.#replaceLog(new ListenerLog(from, connection.wanted, connection.isConflated));
    return resumed;
  }

  #take(text: string): void {
    if (text === "pong") return;
    const message: Frame | Frame[] = JSON.parse(text);
    if (Array.isArray(message) && !this.#connection?.speaksV1) throw new Error("an array for a plain client");
    for (const frame of [message].flat()) this.#takeFrame(frame);
  }

  #takeFrame(frame: Frame): void {
    const { type, seq, data } = frame;
    switch (type) {
      case "closing":
        return;
      case "ack_request":
        if (this.#socket?.closeCode === null) this.#socket.send(JSON.stringify({ ...frame, type: "ack" }));
        return;
      case "pong":
        this.#pongs++;
        return;
      case "subscribed":
        this.#subscribed.push(Number(data.seq));
        return;
      case "connection_established":
        if (data.epoch === this.#epoch || data.resumed !== false) throw new Error("a second first frame");
        this.#epoch = String(data.epoch);
        // Everything before this frame has arrived.
        this.#log?.end(this.#log.position);
        if (this.#log) this.#replaceLog(this.#log.inNewEpoch(Number(data.seq)));
        return;
      default:
        this.#log?.receive(seq);
    }
  }

  #end(): void {
    this.#socket = null;
    this.#log?.end(this.#channel.newest());
  }

  #replaceLog(log: ListenerLog): void {
    if (this.#log) this.#ended.push(this.#log);
    this.#log = log;
  }

  /** Waits for a condition, or until the connection is gone. */
  async #until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (this.absorb(); this.#socket && !condition(); this.absorb()) {
      if (performance.now() > deadline) throw new Error("the service does not answer");
      await pause();
    }
  }
}

/** Reconnect now; also what a client sees of an evicted object, and what `disconnect` sends. */
const EXPECTED_CLOSES = [4200, 1006, 4001];

export const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 2));

/** The filter after a client's message, by the rules of the documentation. */
function changedFilter(wanted: Wanted, type: "subscribe" | "unsubscribe", products: readonly string[]): Wanted {
  if (type === "unsubscribe") return wanted?.filter((product) => !products.includes(product)) ?? null;
  return [...new Set([...(wanted ?? []), ...products])];
}
