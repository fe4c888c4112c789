import type { Env } from "../../config/env.ts";
import { parseChannelName } from "../../protocol/names.ts";
import type { OrderRegistration } from "../../protocol/publish.ts";
import { Channel } from "../channel.ts";
import type {
  OrderChannelRpc,
  OrderRefusal,
  OrderResource,
  ReadRefusal,
  RegisterOutcome,
  Requester,
} from "../contract.ts";
import { deliver } from "../deliver.ts";
import { erase } from "../maintenance.ts";
import { Order } from "./order.ts";

/** One order: who owns it, its state, its history, and its listeners. The object's name is the channel's. */
export class OrderChannel extends Channel<Order> implements OrderChannelRpc {
  readonly #orderId: string;

  constructor(ctx: DurableObjectState, env: Env) {
    const { name, orderId } = parseChannelName(ctx.id.name ?? "") ?? {};
    if (!name || !orderId) throw new Error("an order's object is named order_<order id>");
    super(ctx, env, {
      name,
      migrations: [],
      topic: (storage, config) => new Order(storage, orderId, config),
    });
    this.#orderId = orderId;
    const { topic: order, alarm } = this.core;
    const now = Date.now();
    if (order.backfill(now)) alarm.ensure(order.dueAt(), now);
  }

  async register(registration: OrderRegistration, version: number | null): Promise<RegisterOutcome> {
    const { topic: order, listeners, log, alarm } = this.core;
    const now = Date.now();
    const { user_id, status, payment_status, version: last } = order.state();
    const plan = order.planRegistration(registration, version, now);
    if (plan === "stale") {
      return { status: "stale", order: { user_id, status, payment_status, version: last } };
    }
    if (plan.hasNewOwner) {
      listeners.closeWhere((listener) => (order.admits(listener, plan.state) ? null : "access_denied"));
      if (user_id !== null) log.epochs.endReplay();
    }
    const delivered = deliver(this.core, plan.corrections, null, now);
    log.epochs.store(now);
    order.replace(plan.state);
    alarm.ensure(order.dueAt(), now);
    await delivered;
    return { status: user_id === null ? "created" : "corrected" };
  }

  async adopt(registration: OrderRegistration, requester: Requester): Promise<OrderRefusal | null> {
    const { topic: order } = this.core;
    const state = order.state();
    const user_id = state.user_id ?? registration.user_id;
    if (order.isDeleted()) return "order_not_found";
    if (!order.admits(requester, { ...state, user_id })) return "access_denied";
    if (state.user_id !== null) return null;
    // Statuses that events have announced already may be newer than the backend's answer.
    const status = state.status ?? registration.status;
    const payment_status = state.payment_status ?? registration.payment_status;
    await this.register({ user_id, status, payment_status }, null);
    return null;
  }

  async snapshot(requester: Requester): Promise<OrderResource | ReadRefusal> {
    const { topic: order, log, name } = this.core;
    const reason = order.refusalFor(requester);
    if (reason) return { reason, isFinal: order.isRefusalFinal() };
    const { user_id, status, payment_status, tracking_number, carrier } = order.state();
    // A guest may not learn who owns the order.
    const isGuest = requester !== "service" && requester.orderId !== null;
    return {
      order_id: this.#orderId,
      user_id: isGuest ? null : user_id,
      status,
      payment_status,
      tracking_number,
      carrier,
      channel: name,
      ...log.position(),
    };
  }

  async ensureTicketGeneration(): Promise<string | null> {
    const { topic: order } = this.core;
    if (!order.isKnown()) return null;
    const state = order.state();
    if (state.ticketGeneration !== null) return state.ticketGeneration;
    const ticketGeneration = crypto.randomUUID();
    order.replace({ ...state, ticketGeneration });
    return ticketGeneration;
  }

  async erase(): Promise<boolean> {
    return erase(this.core, Date.now());
  }
}
