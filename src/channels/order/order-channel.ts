import type { Env } from "../../config/env.ts";
import { parseChannelName } from "../../protocol/names.ts";
import type { OrderRegistration } from "../../protocol/publish.ts";
import { Channel } from "../channel.ts";
import type { OrderChannelRpc, OrderRefusal, OrderResource, Requester } from "../contract.ts";
import { deliver } from "../deliver.ts";
import { randomEpoch } from "../log/event-log.ts";
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
      moreTables: {},
      firstEpoch: randomEpoch,
      subject: (storage, config) => new Order(storage, orderId, config.orderRetentionMs),
    });
    this.#orderId = orderId;
  }

  async register(registration: OrderRegistration): Promise<{ isNew: boolean }> {
    const { subject: order, listeners, log, alarm } = this.core;
    const now = Date.now();
    const isNew = !order.isOwnerKnown();
    const { state, corrections } = order.planRegistration(registration, now);
    listeners.closeWhere((listener) => !order.admits(listener, state), "access_denied");
    deliver(this.core, corrections, null, now);
    log.open();
    order.replace(state);
    alarm.ensure(order.retainedUntil(), now);
    return { isNew };
  }

  async adopt(registration: OrderRegistration, requester: Requester): Promise<OrderRefusal | null> {
    const { subject: order } = this.core;
    const state = order.state();
    const user_id = state.user_id ?? registration.user_id;
    if (!order.admits(requester, { ...state, user_id })) return "access_denied";
    if (state.user_id !== null) return null;
    // Statuses that events have announced already may be newer than the backend's answer.
    const status = state.status ?? registration.status;
    const payment_status = state.payment_status ?? registration.payment_status;
    await this.register({ user_id, status, payment_status });
    return null;
  }

  async snapshot(requester: Requester): Promise<OrderResource | OrderRefusal> {
    const { subject: order, log, name } = this.core;
    const refusal = order.refusalFor(requester);
    if (refusal) return refusal;
    const { user_id, status, payment_status } = order.state();
    // A guest may not learn who owns the order.
    const isGuest = requester !== "service" && requester.orderId !== null;
    return {
      order_id: this.#orderId,
      user_id: isGuest ? null : user_id,
      status,
      payment_status,
      channel: name,
      ...log.position(),
    };
  }

  async ticketGeneration(): Promise<string | null> {
    const { subject: order } = this.core;
    if (!order.isKnown()) return null;
    const state = order.state();
    if (state.ticketGeneration !== null) return state.ticketGeneration;
    const ticketGeneration = crypto.randomUUID();
    order.replace({ ...state, ticketGeneration });
    return ticketGeneration;
  }

  erase(): Promise<boolean> {
    return erase(this.core);
  }
}
