import pMap from "p-map";
import { WebSocket } from "ws";
import { callService } from "../node-client.ts";
import { mintToken } from "../tokens.ts";

/** Thousands of listeners of products in Node, which reconnect with their position and check what they receive. */

/** How a listener connects. */
export interface Seat {
  /** The product it wants; null for all. */
  product: string | null;
  kind: "plain" | "v1" | "conflated";
  continent: string;
  user: string;
}

interface PublishedEvent {
  type: string;
  product: string;
}

interface BatchAnswer {
  results?: { status: string; seq: number }[];
}

const TYPES = ["product_updated", "inventory_updated", "price_updated", "product_status_changed"];

/** `count` events of every type, of `products` products in turn. */
export const eventsInTurn = (count: number, products: number, from = 0): PublishedEvent[] =>
  Array.from({ length: count }, (_, i) => ({
    type: TYPES[(from + i) % TYPES.length] ?? "product_updated",
    product: `p${(from + i) % products}`,
  }));

/** A conflated listener may miss these, if it receives a newer one of the same product and type. */
const CONFLATED_TYPES = ["inventory_updated", "price_updated"];
/** Bounds the load on a service that has just restarted. */
const OPENED_TOGETHER = 50;
const RETRY_MS = 50;
/** What has not arrived by then is lost. */
const PATIENCE_MS = 60_000;

class Member {
  readonly seat: Seat;
  readonly #audience: Audience;
  #socket: WebSocket | null = null;
  #epoch = "";
  /** Where its first connection started. */
  from = 0;
  readonly received: number[] = [];
  #hasLeft = false;

  constructor(audience: Audience, seat: Seat) {
    this.#audience = audience;
    this.seat = seat;
  }

  get position(): number {
    return this.received.at(-1) ?? this.from;
  }

  /** Connects until it is admitted; later it reconnects by itself. */
  async open(): Promise<void> {
    while (!this.#hasLeft && !(await this.#tryOpen())) {
      this.#audience.refused++;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Drops its connection without a close frame, as a network does. */
  cut(): void {
    this.#socket?.terminate();
  }

  async #tryOpen(): Promise<boolean> {
    const { product, kind, continent, user } = this.seat;
    const search = new URLSearchParams({
      token: await this.#audience.tokenOf(user),
      continent,
      ...(product !== null && { product_id: product }),
      ...(kind === "conflated" && { conflate: "1" }),
      ...(this.#epoch !== "" && { since: String(this.position), epoch: this.#epoch }),
    });
    const url = `${this.#audience.url.replace("http", "ws")}/api/v1/ws/products?${search}`;
    const socket = new WebSocket(url, kind === "plain" ? [] : ["tidings.v1"], { perMessageDeflate: false });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let isAdmitted = false;
    socket.on("message", (text: Buffer) => {
      for (const frame of [JSON.parse(text.toString())].flat()) {
        if (frame.type === "closing") continue;
        if (frame.type === "ack_request") socket.send(JSON.stringify({ ...frame, type: "ack" }));
        else if (frame.type !== "connection_established") this.#receive(frame.seq);
        else if (isAdmitted) this.#audience.fail(`an unexpected epoch ${frame.data.epoch}`);
        else {
          isAdmitted = true;
          this.#establish(frame.data);
          resolve(true);
        }
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      resolve(false);
      if (!isAdmitted || this.#hasLeft) return;
      this.#socket = null;
      this.#audience.lost++;
      void this.open();
    });
    this.#socket = socket;
    return promise;
  }

  #establish({ epoch, seq, resumed }: { epoch: string; seq: number; resumed: boolean | null }): void {
    if (this.#epoch === "") {
      this.from = seq;
      this.#epoch = epoch;
    } else if (!resumed) this.#audience.fail(`not resumed from ${this.position}`);
    else this.#audience.resumed++;
  }

  #receive(seq: number): void {
    if (seq <= this.position) this.#audience.fail(`event ${seq} after ${this.position}`);
    this.received.push(seq);
  }

  /** Ends its connection for good. */
  leave(): void {
    this.#hasLeft = true;
    this.#socket?.terminate();
  }
}

export class Audience {
  readonly url: string;
  readonly members: Member[] = [];
  /** Applied events by `seq`. */
  readonly #history = new Map<number, PublishedEvent>();
  readonly #run = crypto.randomUUID().slice(0, 8);
  readonly #tokens = new Map<string, Promise<string>>();
  #failure: string | null = null;
  #events = 0;
  /** Connections that ended, resumed and were not admitted. */
  lost = 0;
  resumed = 0;
  refused = 0;

  constructor(url: string) {
    this.url = url;
  }

  tokenOf(user: string): Promise<string> {
    const token = this.#tokens.get(user) ?? mintToken({ subject: user, expiresIn: 3600 });
    this.#tokens.set(user, token);
    return token;
  }

  fail(reason: string): void {
    this.#failure ??= reason;
  }

  async seat(seats: readonly Seat[]): Promise<void> {
    const members = seats.map((seat) => new Member(this, seat));
    this.members.push(...members);
    await pMap(members, (member) => member.open(), { concurrency: OPENED_TOGETHER });
  }

  /** Publishes events in one call, again until the service has answered; their ids make that safe. */
  async publish(events: readonly PublishedEvent[]): Promise<void> {
    const bodies = events.map(({ type, product }) => ({
      channel: "products",
      type,
      data: { product_id: product, new_quantity: this.#events, new_price: this.#events, new_status: "active" },
      id: `${this.#run}-${this.#events++}`,
    }));
    const results = await this.#publishUntilDone(bodies);
    for (const [i, event] of events.entries()) this.#history.set(results[i]?.seq ?? 0, event);
  }

  async #publishUntilDone(events: Record<string, unknown>[]): Promise<{ seq: number }[]> {
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
      const response = await callService(this.url, "POST", "publish/batch", { events }).catch(() => null);
      const answer = response?.status === 200 ? await response.json<BatchAnswer>().catch(() => null) : null;
      const results = answer?.results ?? [];
      if (results.length > 0 && results.every(({ status }) => status === "applied" || status === "duplicate")) {
        return results;
      }
      if (results.some(({ status }) => status === "rejected"))
        console.log(JSON.stringify(results[0]), performance.now());
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    throw new Error("events could not be published");
  }

  /**
   * Waits until every listener has received all that it wants, and nothing else.
   * @returns How many events were received in all.
   */
  async settle(patienceMs = PATIENCE_MS): Promise<number> {
    const end = performance.now() + patienceMs;
    for (const member of this.members) {
      while (!this.#failure && this.#missing(member) && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const missing = this.#missing(member);
      if (missing) this.fail(`${JSON.stringify(member.seat)} from ${member.from} misses ${missing}`);
      if (this.#failure) throw new Error(this.#failure);
    }
    return this.members.reduce((sum, { received }) => sum + received.length, 0);
  }

  /** The events that a product's listeners are due, or all; shared, because thousands want the same. */
  readonly #due = new Map<string | null, { size: number; seqs: number[] }>();

  #dueOf(product: string | null): number[] {
    const known = this.#due.get(product);
    if (known?.size === this.#history.size) return known.seqs;
    const wanted = [...this.#history].filter(([, event]) => product === null || event.product === product);
    const seqs = wanted.map(([seq]) => seq).sort((a, b) => a - b);
    this.#due.set(product, { size: this.#history.size, seqs });
    return seqs;
  }

  /** @returns The first event that a listener should have received otherwise, or null. */
  #missing({ seat, from, received }: Member): string | null {
    const due = this.#dueOf(seat.product);
    const newest = new Map<string, number>();
    let at = received.length - 1;
    for (let i = due.length - 1; i >= 0 && (due[i] ?? 0) > from; i--) {
      const seq = due[i] ?? 0;
      const { type, product } = this.#history.get(seq) ?? { type: "", product: "" };
      const key = `${type} ${product}`;
      if (received[at] === seq) {
        at--;
        newest.set(key, seq);
      } else if (seat.kind !== "conflated" || !CONFLATED_TYPES.includes(type) || !newest.has(key)) {
        return `${seq} (received ${received.slice(Math.max(at - 2, 0), at + 3)})`;
      }
    }
    return at === -1 ? null : `nothing, but received ${received[at]}`;
  }

  /** The members that came first leave. */
  dismiss(count: number): void {
    for (const member of this.members.splice(0, count)) member.leave();
  }

  close(): void {
    this.dismiss(this.members.length);
  }
}
