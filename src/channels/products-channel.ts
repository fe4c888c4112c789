import { DurableObject } from "cloudflare:workers";
import { configOf, type Env } from "../config.ts";
import { PRODUCTS_CHANNEL } from "../protocol/names.ts";
import type { AcceptedEvent } from "../protocol/publish.ts";
import { readConnect } from "./attachment.ts";
import { Channel, type Delivery } from "./channel.ts";
import { CountReporter } from "./registry.ts";

/** Everything that happens to products, and who listens. There is one, and any authenticated user may listen. */
export class ProductsChannel extends DurableObject<Env> {
  readonly #channel: Channel;
  readonly #counts: CountReporter;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#counts = new CountReporter(ctx, env, PRODUCTS_CHANNEL);
    this.#channel = new Channel(
      ctx,
      configOf(env),
      // The same after every wake, and another in every deployment, without a row written for the first listener.
      () => ctx.id.toString().slice(0, 8),
      (count) => this.#counts.report(count),
    );
  }

  override async fetch(request: Request): Promise<Response> {
    return this.#channel.connect(readConnect(request), () => ({ channel: PRODUCTS_CHANNEL }), Date.now());
  }

  async deliver(events: AcceptedEvent[]): Promise<Delivery[]> {
    const { storage } = this.#channel;
    return this.#channel.deliver(
      events,
      {
        lastVersion: ({ productId }) => {
          const row = storage.read("SELECT version FROM versions WHERE product = ?", productId)[0];
          return row ? Number(row.version) : null;
        },
        applied: ({ productId, version }) => {
          if (version !== null) storage.write("INSERT OR REPLACE INTO versions VALUES (?, ?)", productId, version);
        },
        save: () => {},
      },
      Date.now(),
    );
  }

  /** How many listen now. */
  async connections(): Promise<number> {
    return this.#channel.listeners.count;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    this.#channel.message(socket, message);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#channel.listeners.remove(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#channel.listeners.remove(socket);
  }
}
