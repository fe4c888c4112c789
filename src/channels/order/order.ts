import { orderChannelName } from "../../protocol/names.ts";
import type { AcceptedEvent, OrderRegistration } from "../../protocol/publish.ts";
import type { OrderRefusal, Requester } from "../contract.ts";
import type { Subject } from "../core.ts";
import type { Listener } from "../listeners/listener.ts";
import type { Storage } from "../storage.ts";
import { applyEvent, applyRegistration, type ChangeContext, mayListen, type OrderChange } from "./order-rules.ts";
import { fromStored, type OrderState, storedOrder, toStored, UNKNOWN_ORDER } from "./order-state.ts";

/** One order's stored state, and who may listen to it. */
export class Order implements Subject {
  readonly kind = "order";
  readonly hasProductFilter = false;
  readonly #storage: Storage;
  readonly #orderId: string;
  readonly #retentionMs: number;
  /** Read from storage when first needed. */
  #state: OrderState | undefined;
  /** The state within a delivery, before `commit`. */
  #draft: { state: OrderState; hasNewOwner: boolean } | null = null;

  /** @param retentionMs How long the order is kept after it has ended. */
  constructor(storage: Storage, orderId: string, retentionMs: number) {
    this.#storage = storage;
    this.#orderId = orderId;
    this.#retentionMs = retentionMs;
  }

  /** Returns whether the order was ever registered or published to. */
  isKnown(): boolean {
    return this.#storage.hasData();
  }

  state(): OrderState {
    if (!this.#state) {
      const stored = this.#storage.readState("order", storedOrder);
      this.#state = stored ? fromStored(stored) : UNKNOWN_ORDER;
    }
    return this.#state;
  }

  describe(): Record<string, unknown> {
    const { status, payment_status } = this.state();
    const channel = orderChannelName(this.#orderId);
    return { order_id: this.#orderId, current_status: status, payment_status, channel };
  }

  refusalFor(requester: Requester): OrderRefusal | null {
    if (!this.isKnown()) return "order_not_found";
    return this.admits(requester) ? null : "access_denied";
  }

  /** Returns whether a requester may listen to an order in this state. */
  admits(requester: Requester, state = this.state()): boolean {
    return mayListen(state, this.#orderId, requester);
  }

  isOwnerKnown(): boolean {
    return this.state().user_id !== null;
  }

  retainedUntil(): number {
    const { endedAt } = this.state();
    return endedAt === null ? Number.POSITIVE_INFINITY : endedAt + this.#retentionMs;
  }

  apply(event: AcceptedEvent, now: number): AcceptedEvent[] | "stale" {
    const before = this.#draft?.state ?? this.state();
    const change = applyEvent(before, event, this.#context(now));
    if (change === "stale") return change;
    const hasNewOwner = change.hasNewOwner || (this.#draft?.hasNewOwner ?? false);
    this.#draft = { state: change.state, hasNewOwner };
    return change.corrections;
  }

  /** Returns what a registration would change, without changing it. */
  planRegistration(registration: OrderRegistration, now: number): OrderChange {
    return applyRegistration(this.state(), registration, this.#context(now));
  }

  save(): void {
    if (this.#draft) this.#write(this.#draft.state);
  }

  commit(): ((listener: Listener) => boolean) | null {
    const draft = this.#draft;
    this.#draft = null;
    if (!draft) return null;
    this.#state = draft.state;
    return draft.hasNewOwner ? (listener) => !this.admits(listener) : null;
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

  #write(state: OrderState): void {
    this.#storage.writeState("order", toStored(state));
  }

  #context(now: number): ChangeContext {
    return { orderId: this.#orderId, isKnown: this.isKnown(), now, newId: () => crypto.randomUUID() };
  }
}
