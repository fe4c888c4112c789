import { DurableObject } from "cloudflare:workers";
import { type Config, configOf } from "../../config/config.ts";
import type { Env } from "../../config/env.ts";
import { type ChannelName, parseChannelName } from "../../protocol/names.ts";
import type { AcceptedEvent, OrderRegistration, PublishOutcome, Source } from "../../protocol/publish.ts";
import { Channel } from "../channel.ts";
import { NO_CLOSE_CODE } from "../channel-telemetry.ts";
import type { OrderChannelRpc, OrderRefusal, OrderSnapshot, Requester, Usage } from "../contract.ts";
import { readConnectRequest, refuseConnect } from "../handshake.ts";
import { randomEpoch } from "../log/history.ts";
import { changed, corrections, NOTHING_KNOWN, type OrderState, orderState } from "./order-state.ts";

/** One order: who owns it, where it stands, what happened to it, and who listens. Its name is the channel's. */
export class OrderChannel extends DurableObject<Env> implements OrderChannelRpc {
  readonly #channel: Channel;
  readonly #config: Config;
  readonly #name: ChannelName;
  readonly #orderId: string;
  #order: OrderState | undefined;
  /** Whether the delivery that is under way gave the order another owner. */
  #isOwnerNew = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { name, orderId } = parseChannelName(ctx.id.name ?? "") ?? {};
    if (!name || !orderId) throw new Error("an order's object is named order_<order id>");
    this.#name = name;
    this.#orderId = orderId;
    this.#config = configOf(env);
    this.#channel = new Channel(ctx, env, name, {
      kind: "order",
      moreTables: {},
      hasProducts: false,
      firstEpoch: randomEpoch,
      established: () => {
        const { order_id, status, payment_status, channel } = this.#snapshot();
        return { order_id, current_status: status, payment_status, channel };
      },
      refusalFor: (listener) => this.#refusalFor(listener),
      lastVersion: () => this.#known.version,
      before: ({ order, statusChange, acceptedAt }) =>
        order && this.#exists ? corrections(this.#known, order, statusChange, name, acceptedAt) : [],
      applied: ({ order, statusChange, version }) => {
        if (order && order.user_id !== this.#known.user_id) this.#isOwnerNew = true;
        this.#order = {
          ...changed(this.#known, order, statusChange, Date.now()),
          ...(version !== null && { version }),
        };
      },
      save: () => this.#save(),
      // Before the frames go out: who is no owner any more reads nothing of what happens to another's order.
      stored: () => {
        if (this.#isOwnerNew) this.#closeStrangers(this.#known);
        this.#isOwnerNew = false;
      },
      forget: () => {
        this.#order = undefined;
        this.#isOwnerNew = false;
      },
    });
  }

  override async fetch(request: Request): Promise<Response> {
    const connect = readConnectRequest(request);
    const reason = this.#refusalFor(connect.identity);
    if (reason) return refuseConnect({ reason, isOwnerKnown: this.#known.user_id !== null });
    return this.#channel.connect(connect, Date.now());
  }

  /** Takes events that passed the door. @returns What became of each, in their order. */
  async deliver(events: AcceptedEvent[], source: Source): Promise<PublishOutcome[]> {
    return this.#channel.deliver(events, source, Date.now());
  }

  /**
   * Registers the order, or corrects what is known of it. Listeners are told what changes, and those who lost their
   * right are closed.
   * @returns Whether it had no owner before.
   */
  async register(registration: OrderRegistration): Promise<{ isNew: boolean }> {
    const isNew = this.#known.user_id === null;
    const now = Date.now();
    this.#closeStrangers(changed(this.#known, registration, {}, now));
    if (this.#exists) this.#channel.deliver(corrections(this.#known, registration, {}, this.#name, now), null, now);
    this.#channel.history.open();
    this.#order = changed(this.#known, registration, {}, now);
    this.#save();
    return { isNew };
  }

  /**
   * Takes over what the shop's own backend says of an order that has no owner here, unless somebody registered it
   * meanwhile. Statuses that events have told already stay: they may be newer. Nothing is written for one who may not
   * listen.
   * @returns Why the requester may not listen, or null.
   */
  async adopt(registration: OrderRegistration, requester: Requester): Promise<OrderRefusal | null> {
    const { user_id, status, payment_status } = this.#known;
    if (!this.#mayListen({ ...this.#known, user_id: user_id ?? registration.user_id }, requester))
      return "access_denied";
    if (user_id !== null) return null;
    await this.register({
      user_id: registration.user_id,
      status: status ?? registration.status,
      payment_status: payment_status ?? registration.payment_status,
    });
    return null;
  }

  /** The order as it stands, for one who may listen to it. */
  async snapshot(requester: Requester): Promise<OrderSnapshot | OrderRefusal> {
    const refusal = this.#refusalFor(requester);
    if (refusal) return refusal;
    // Whose the order is, is not a guest's business.
    const isGuest = requester !== "service" && requester.orderId !== null;
    return { ...this.#snapshot(), ...(isGuest && { user_id: null }) };
  }

  /** What a new ticket has to name to be let in; null when there is no such order. */
  async ticketGeneration(): Promise<string | null> {
    if (!this.#exists) return null;
    const series = this.#known.ticket_series ?? crypto.randomUUID();
    if (series !== this.#known.ticket_series) {
      this.#order = { ...this.#known, ticket_series: series };
      this.#save();
    }
    return series;
  }

  /** Closes every listener and removes every stored byte. @returns Whether there was anything to remove. */
  async erase(): Promise<boolean> {
    const existed = this.#exists;
    this.#channel.listeners.closeWhere(() => true, "order_not_found");
    this.#order = undefined;
    if (existed) await this.#channel.erase();
    return existed;
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
    await this.#channel.rung(async () => {
      const retainedUntil = this.#retainedUntil;
      if (now < retainedUntil) return this.#channel.upkeep(retainedUntil, now);
      // Another try, should this one fail; it goes with everything else that is stored.
      await this.#channel.alarm.rang(now, now);
      await this.erase();
    }, now);
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

  get #known(): OrderState {
    this.#order ??= this.#channel.storage.readState("order", orderState) ?? NOTHING_KNOWN;
    return this.#order;
  }

  /** Whether anything was ever said of it, so that a listener may have seen its state. */
  get #exists(): boolean {
    return this.#channel.storage.exists;
  }

  /** When nothing of the order is to be kept any more, in milliseconds since 1970; Infinity before it has ended. */
  get #retainedUntil(): number {
    const { ended_at } = this.#known;
    return ended_at === null ? Number.POSITIVE_INFINITY : ended_at + this.#config.orderRetentionMs;
  }

  #save(): void {
    this.#channel.storage.writeState("order", this.#known);
    this.#channel.needAlarm(this.#retainedUntil, Date.now());
  }

  #closeStrangers(order: OrderState): void {
    this.#channel.listeners.closeWhere((listener) => !this.#mayListen(order, listener), "access_denied");
  }

  #refusalFor(requester: Requester): OrderRefusal | null {
    if (!this.#exists) return "order_not_found";
    return this.#mayListen(this.#known, requester) ? null : "access_denied";
  }

  #snapshot(): OrderSnapshot {
    const { user_id, status, payment_status } = this.#known;
    return {
      order_id: this.#orderId,
      user_id,
      status,
      payment_status,
      channel: this.#name,
      ...this.#channel.history.position,
    };
  }

  /**
   * The one rule: an order is for its owner, for admins, for the shop's own services, and for guests with a ticket of
   * its present series. A ticket's subject is no user, whatever it is called.
   */
  #mayListen({ user_id, ticket_series }: OrderState, requester: Requester): boolean {
    if (requester === "service") return true;
    if (requester.orderId !== null) {
      return (
        requester.orderId === this.#orderId && ticket_series !== null && requester.ticketGeneration === ticket_series
      );
    }
    return requester.isAdmin || (user_id !== null && user_id === requester.subject);
  }
}
