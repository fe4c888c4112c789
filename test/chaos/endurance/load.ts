import { setTimeout as wait } from "node:timers/promises";
import { WebSocket } from "ws";
import { callService, registerOrderAt } from "../../support/node-client.ts";
import { mintToken } from "../../support/tokens.ts";
import { Random } from "../run/random.ts";

/** A steady load: listeners that join and leave, half of orders and half of products, and a constant rate of events. */

const SOCKETS_PER_ORDER = 2;
const PRODUCTS = 200;
const BATCHES_PER_SECOND = 10;
/** How many listeners leave, and as many join, in a second. */
const LEAVING_PER_SECOND = 5;

export interface LoadOptions {
  url: string;
  sockets: number;
  eventsPerSecond: number;
}

export class SteadyLoad {
  /** From publish to arrival, in milliseconds, since they were last taken. */
  #latencies: number[] = [];
  published = 0;
  refused = 0;
  received = 0;
  joins = 0;
  readonly #options: LoadOptions;
  readonly #random = new Random(1);
  readonly #sockets = new Set<WebSocket>();
  #orders: string[] = [];
  #n = 0;
  #isEnding = false;
  #running: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url, sockets } = this.#options;
    for (let i = 0; i < sockets / 2 / SOCKETS_PER_ORDER; i++) this.#orders.push(await registerOrderAt(url));
    for (let i = 0; i < sockets; i++) await this.#join(i);
    this.#running = [this.#publish(), this.#replace()];
  }

  takeLatencies(): number[] {
    const taken = this.#latencies;
    this.#latencies = [];
    return taken;
  }

  get open(): number {
    return [...this.#sockets].filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#running);
    for (const socket of this.#sockets) socket.terminate();
  }

  async #join(index: number): Promise<void> {
    const order = index % 2 === 0 ? this.#orders[(index / 2) % this.#orders.length] : undefined;
    const token = await mintToken({ subject: order ? "alice" : `user-${index}`, expiresIn: 7200 });
    const path = order ? `orders/${order}?` : `products?product_id=p-${index % PRODUCTS}&`;
    const address = `${this.#options.url.replace("http", "ws")}/api/v1/ws/${path}token=${token}`;
    const socket = new WebSocket(address, ["tidings.v1"], { perMessageDeflate: false });
    this.#sockets.add(socket);
    this.joins++;
    const joined = Promise.withResolvers<void>();
    socket.on("message", (text) => {
      joined.resolve();
      const now = Date.now();
      for (const frame of [JSON.parse(String(text))].flat()) {
        if (frame.type === "ack_request") socket.send(JSON.stringify({ ...frame, type: "ack" }));
        if (typeof frame.data?.sent_at !== "number") continue;
        this.received++;
        this.#latencies.push(now - frame.data.sent_at);
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      joined.resolve();
    });
    await joined.promise;
  }

  async #publish(): Promise<void> {
    const size = Math.round(this.#options.eventsPerSecond / BATCHES_PER_SECOND);
    let next = Date.now();
    while (!this.#isEnding) {
      const sent_at = Date.now();
      const events = Array.from({ length: size }, (_, i) => {
        const n = ++this.#n;
        if (i % 2 === 0) {
          const data = { product_id: `p-${this.#random.between(0, PRODUCTS - 1)}`, new_quantity: n, sent_at };
          return { channel: "products", type: "inventory_updated", data };
        }
        const data = { new_status: `status-${n % 7}`, sent_at };
        return { channel: `order_${this.#random.pick(this.#orders)}`, type: "order_status_changed", data };
      });
      const answer = await callService(this.#options.url, "POST", "publish/batch", { events });
      await answer.arrayBuffer();
      if (answer.ok) this.published += size;
      else this.refused += size;
      next += 1000 / BATCHES_PER_SECOND;
      await wait(Math.max(0, next - Date.now()));
    }
  }

  async #replace(): Promise<void> {
    let index = this.#options.sockets;
    while (!this.#isEnding) {
      await wait(1000);
      const leaving = [...this.#sockets].slice(0, LEAVING_PER_SECOND);
      for (const socket of leaving) socket.close(1000);
      while (!this.#isEnding && this.#sockets.size < this.#options.sockets + LEAVING_PER_SECOND) {
        await this.#join(index++);
        if (this.open >= this.#options.sockets) break;
      }
    }
  }
}
