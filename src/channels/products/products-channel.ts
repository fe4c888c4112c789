import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../config/env.ts";
import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { AcceptedEvent, PublishOutcome, Source } from "../../protocol/publish.ts";
import { Channel } from "../channel.ts";
import { NO_CLOSE_CODE } from "../channel-telemetry.ts";
import type { ChannelRpc, Usage } from "../contract.ts";
import { readConnectRequest } from "../handshake.ts";

/** Everything that happens to products, and who listens. There is one, and any authenticated user may listen. */
export class ProductsChannel extends DurableObject<Env> implements ChannelRpc {
  readonly #channel: Channel;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#channel = new Channel(ctx, env, PRODUCTS_CHANNEL, {
      kind: "products",
      moreTables: {
        versions: "CREATE TABLE versions (product TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
      },
      hasProducts: true,
      // The same after every wake, and another in every deployment, without a row written for the first listener. On a
      // laptop whose stored state was removed, it comes again.
      firstEpoch: () => ctx.id.toString().slice(0, 8),
      established: () => ({ channel: PRODUCTS_CHANNEL }),
      refusalFor: ({ orderId }) => (orderId === null ? null : "access_denied"),
      lastVersion: ({ productId }) => {
        const row = this.#channel.storage.read("SELECT version FROM versions WHERE product = ?", productId)[0];
        return row ? Number(row.version) : null;
      },
      before: () => [],
      applied: ({ productId, version }) => {
        if (version === null) return;
        this.#channel.storage.write("INSERT OR REPLACE INTO versions VALUES (?, ?)", productId, version);
      },
      save: () => {},
      stored: () => {},
      forget: () => {},
    });
  }

  override async fetch(request: Request): Promise<Response> {
    return this.#channel.connect(readConnectRequest(request), Date.now());
  }

  /** Takes events that passed the door. @returns What became of each, in their order. */
  async deliver(events: AcceptedEvent[], source: Source): Promise<PublishOutcome[]> {
    return this.#channel.deliver(events, source, Date.now());
  }

  /** Closes the sockets of one user, or all when none is named. @returns How many. */
  async disconnect(userId: string | null): Promise<number> {
    return this.#channel.disconnect(userId);
  }

  /** The registry tells of a gap in the stream. */
  async gap(gapAt: number): Promise<void> {
    this.#channel.gap(gapAt, Date.now());
  }

  /** How many listen now. */
  async connections(): Promise<number> {
    return this.#channel.listeners.count;
  }

  /** What its storage has cost since it woke. */
  async usage(): Promise<Usage> {
    return this.#channel.usage;
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    await this.#channel.rung(() => this.#channel.upkeep(Number.POSITIVE_INFINITY, now), now);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return this.#channel.message(socket, message, Date.now());
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#channel.listeners.goodbye(socket, code);
  }

  override webSocketError(socket: WebSocket): void {
    this.#channel.listeners.remove(socket, NO_CLOSE_CODE);
  }
}
