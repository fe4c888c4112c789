import type { Config } from "../../config/config.ts";
import { orderChannelName } from "../../protocol/names.ts";
import type { AcceptedEvent, OrderRegistration } from "../../protocol/publish.ts";
import type { OrderRefusal, Requester } from "../contract.ts";
import type { Applied, Revocation, Topic } from "../core.ts";
import type { Storage } from "../storage.ts";
import { applyToOrder, type ChangeContext, completeState, mayListen, type OrderChange } from "./order-rules.ts";
import { fromStored, type OrderState, storedOrder, toStored, UNKNOWN_ORDER } from "./order-state.ts";

/** One order's stored state, and who may listen to it. */
export class Order implements Topic {
  readonly kind = "order";
  readonly chains = null;
  readonly #storage: Storage;
  readonly #orderId: string;
  readonly #config: Config;
  /** Read from storage when first needed. */
  #state: OrderState | undefined;
  /** The states within a delivery, before `commit`: the last one, and each that followed a change of owner. */
  #draft: { state: OrderState; afterOwnerChanges: OrderState[] } | null = null;

  constructor(storage: Storage, orderId: string, config: Config) {
    this.#storage = storage;
    this.#orderId = orderId;
    this.#config = config;
  }

  /** Returns whether the order was ever registered or published to, and not erased since. */
  isKnown(): boolean {
    return this.#storage.hasData();
  }

  /** Completes what version 0.1.0 stored, in one written row. Returns whether there was anything to complete. */
  backfill(now: number): boolean {
    const stored = this.#storage.readState("order", storedOrder);
    const complete = stored && completeState(fromStored(stored), this.#context(now));
    if (complete) this.replace(complete);
    return complete !== null;
  }

  state(): OrderState {
    if (!this.#state) {
      const stored = this.#storage.readState("order", storedOrder);
      this.#state = stored ? fromStored(stored) : UNKNOWN_ORDER;
    }
    return this.#state;
  }

  describe(): Record<string, unknown> {
    const { status, payment_status, tracking_number, carrier } = this.state();
    const channel = orderChannelName(this.#orderId);
    return { order_id: this.#orderId, current_status: status, payment_status, tracking_number, carrier, channel };
  }

  refusalFor(requester: Requester): OrderRefusal | null {
    if (!this.isKnown()) return "order_not_found";
    return this.admits(requester) ? null : "access_denied";
  }

  /** Returns whether a requester may listen to an order in this state. */
  admits(requester: Requester, state = this.state()): boolean {
    return mayListen(state, this.#orderId, requester);
  }

  isRefusalFinal(): boolean {
    return this.isDeleted() || this.state().user_id !== null;
  }

  /** Returns when it is to be erased: some time after it ended, and in any case long after it last changed. */
  dueAt(): number {
    const { endedAt, changedAt } = this.state();
    const { orderRetentionMs, orderIdleRetentionMs } = this.#config;
    const ended = endedAt === null ? Number.POSITIVE_INFINITY : endedAt + orderRetentionMs;
    const idle = changedAt === null ? Number.POSITIVE_INFINITY : changedAt + orderIdleRetentionMs;
    return Math.min(ended, idle);
  }

  maintain(now: number): "keep" | "erase" {
    return now < this.dueAt() ? "keep" : "erase";
  }

  apply(event: AcceptedEvent, now: number): Applied | "stale" {
    if (this.isDeleted()) return "stale";
    const before = this.#draft ?? { state: this.state(), afterOwnerChanges: [] };
    const change = applyToOrder(before.state, event, this.#context(now));
    if (change === "stale") return change;
    const { state, corrections, hasNewOwner } = change;
    this.#draft = {
      state,
      afterOwnerChanges: hasNewOwner ? [...before.afterOwnerChanges, state] : before.afterOwnerChanges,
    };
    return { corrections, endsReplay: hasNewOwner && before.state.user_id !== null };
  }

  /** Returns what a registration would change, without changing it. */
  planRegistration(registration: OrderRegistration, version: number | null, now: number): OrderChange | "stale" {
    return applyToOrder(this.state(), { version, order: registration, statusChange: {} }, this.#context(now));
  }

  save(): void {
    if (this.#draft) this.#write(this.#draft.state);
  }

  commit(): Revocation | null {
    const draft = this.#draft;
    this.#draft = null;
    if (!draft) return null;
    this.#state = draft.state;
    if (draft.afterOwnerChanges.length === 0) return null;
    return (listener) => {
      if (!this.admits(listener)) return "access_denied";
      // A user who lost and regained the order within this delivery must not receive the other owner's events; after
      // reconnecting, the first frame has the current state.
      return draft.afterOwnerChanges.every((state) => this.admits(listener, state)) ? null : "going_away";
    };
  }

  rollback(): void {
    this.#draft = null;
    this.#state = undefined;
  }

  /** Stores a state that no event announces. */
  replace(state: OrderState): void {
    this.#write(state);
    this.#state = state;
  }

  /** Whether it was erased: only a registration makes it exist again, in a new epoch. */
  isDeleted(): boolean {
    return this.#storage.erasedAt() !== null;
  }

  #write(state: OrderState): void {
    this.#storage.writeState("order", toStored(state));
  }

  #context(now: number): ChangeContext {
    const { terminalStatuses } = this.#config;
    return { orderId: this.#orderId, isKnown: this.isKnown(), now, terminalStatuses, newId: () => crypto.randomUUID() };
  }
}
