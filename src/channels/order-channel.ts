import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import { configOf, type Env } from "../config.ts";
import type { Position } from "../protocol/frames.ts";
import type { AcceptedEvent, OrderRegistration } from "../protocol/publish.ts";
import { REFUSALS, type SocketRefusal } from "../protocol/refusals.ts";
import { readConnect, refuseConnect } from "./attachment.ts";
import { Channel, type Delivery } from "./channel.ts";
import { CountReporter } from "./registry.ts";

/** What is known of an order; null for what nobody said. */
const orderState = z.object({
  user_id: z.string().nullable(),
  status: z.string().nullable(),
  payment_status: z.string().nullable(),
  version: z.number().nullable(),
});
type OrderState = z.infer<typeof orderState>;
const NOTHING_KNOWN: OrderState = { user_id: null, status: null, payment_status: null, version: null };

/** An order as it stands, and at which position of its channel. */
export interface OrderSnapshot extends Position {
  order_id: string;
  user_id: string | null;
  status: string | null;
  payment_status: string | null;
  channel: string;
}

/** Who asks about an order: a user with what the token said, or the shop's own service. */
export type Asker = { subject: string; isAdmin: boolean } | "service";

/** One order: who owns it, where it stands, what happened to it, and who listens. Its name is the channel's. */
export class OrderChannel extends DurableObject<Env> {
  readonly #channel: Channel;
  readonly #counts: CountReporter;
  readonly #name: string;
  #order: OrderState | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#name = ctx.id.name ?? "";
    this.#counts = new CountReporter(ctx, env, this.#name);
    this.#channel = new Channel(
      ctx,
      configOf(env),
      () => crypto.randomUUID().slice(0, 8),
      (count) => this.#counts.report(count),
    );
  }

  override async fetch(request: Request): Promise<Response> {
    const connect = readConnect(request);
    const reason = this.#refusalFor(connect.listener);
    if (reason) return refuseConnect({ reason, isOwnerKnown: this.#known.user_id !== null });
    const established = () => {
      const { order_id, status, payment_status, channel } = this.#snapshot();
      return { order_id, current_status: status, payment_status, channel };
    };
    return this.#channel.connect(connect, established, Date.now());
  }

  async deliver(events: AcceptedEvent[]): Promise<Delivery[]> {
    const before = this.#order;
    try {
      return this.#channel.deliver(
        events,
        {
          lastVersion: () => this.#known.version,
          applied: ({ order, statusChange, version }) => {
            this.#order = { ...this.#known, ...order, ...statusChange, ...(version !== null && { version }) };
          },
          save: () => this.#save(),
        },
        Date.now(),
      );
    } catch (error) {
      this.#order = before;
      throw error;
    }
  }

  /** Registers the order, or corrects what is known of it. @returns Whether it was unknown before. */
  async register(registration: OrderRegistration): Promise<{ isNew: boolean }> {
    const isNew = this.#known.user_id === null;
    this.#channel.history.open();
    this.#order = { ...this.#known, ...registration };
    this.#save();
    return { isNew };
  }

  /**
   * Takes over what the shop's own backend says of an order that has no owner here, unless somebody registered it
   * meanwhile. Nothing is written for one who may not listen.
   * @returns Why the asker may not listen, or null.
   */
  async adopt(registration: OrderRegistration, asker: Asker): Promise<SocketRefusal | null> {
    const { user_id } = this.#known;
    if (!mayListen(user_id ?? registration.user_id, asker)) return "access_denied";
    if (user_id === null) await this.register(registration);
    return null;
  }

  /** The order as it stands, for one who may listen to it. */
  async snapshot(asker: Asker): Promise<OrderSnapshot | SocketRefusal> {
    return this.#refusalFor(asker) ?? this.#snapshot();
  }

  /** Closes every listener and removes every stored byte. @returns Whether there was anything to remove. */
  async erase(): Promise<boolean> {
    const existed = this.#channel.storage.exists;
    const { close, title } = REFUSALS.order_not_found;
    this.#channel.listeners.closeWhere(() => true, close, title);
    this.#order = undefined;
    this.#channel.history.forget();
    if (existed) await this.#channel.storage.erase();
    return existed;
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

  get #known(): OrderState {
    this.#order ??= this.#channel.storage.readState("order", orderState) ?? NOTHING_KNOWN;
    return this.#order;
  }

  #save(): void {
    this.#channel.storage.writeState("order", this.#known);
  }

  #refusalFor(asker: Asker): SocketRefusal | null {
    if (!this.#channel.storage.exists) return "order_not_found";
    return mayListen(this.#known.user_id, asker) ? null : "access_denied";
  }

  #snapshot(): OrderSnapshot {
    const { user_id, status, payment_status } = this.#known;
    return {
      order_id: this.#name.slice("order_".length),
      user_id,
      status,
      payment_status,
      channel: this.#name,
      ...this.#channel.history.position,
    };
  }
}

/** The one rule: an order is for its owner, for admins, and for the shop's own services. */
function mayListen(owner: string | null, asker: Asker): boolean {
  return asker === "service" || asker.isAdmin || (owner !== null && owner === asker.subject);
}
