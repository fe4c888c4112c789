import type { AcceptedEvent } from "../../protocol/publish.ts";
import type { Applied, Topic } from "../core.ts";
import type { ProductChains } from "../log/product-chains.ts";
import type { Storage } from "../storage.ts";
import { ListenableProducts } from "./listenable-products.ts";
import { applyProductEvent } from "./product-rules.ts";
import { ProductTable } from "./product-table.ts";

/** The stored state of all products: each one's last applied version, and where its events are in the log. */
export class Products extends ListenableProducts implements Topic {
  readonly chains: ProductChains;
  readonly #table: ProductTable;
  readonly #keepGoneMs: number;
  /** When the next deleted product is forgotten. Infinity after a wake as well: its alarm is already set. */
  #dueAt = Number.POSITIVE_INFINITY;

  /** @param keepGoneMs How long late events may arrive for a deleted product. */
  constructor(storage: Storage, keepGoneMs: number) {
    super();
    this.#table = new ProductTable(storage);
    this.chains = this.#table;
    this.#keepGoneMs = keepGoneMs;
  }

  dueAt(): number {
    return this.#dueAt;
  }

  /** Forgets products that were deleted long ago. */
  maintain(now: number): "keep" {
    const checkAt = this.#table.goneSince + this.#keepGoneMs;
    if (now < checkAt) {
      this.#dueAt = Math.min(this.#dueAt, checkAt);
    } else {
      const next = this.#table.prune(now - this.#keepGoneMs, now);
      this.#dueAt = next === null ? Number.POSITIVE_INFINITY : next + this.#keepGoneMs;
    }
    return "keep";
  }

  apply(event: AcceptedEvent, now: number): Applied | "stale" {
    const applied: Applied = { corrections: [], endsReplay: false };
    if (event.productId === null) return applied;
    const state = applyProductEvent(this.#table.get(event.productId), event, now);
    if (state === "stale") return state;
    this.#table.set(event.productId, state);
    if (state.goneAt !== null) this.#dueAt = Math.min(this.#dueAt, state.goneAt + this.#keepGoneMs);
    return applied;
  }

  save(): void {
    this.#table.save();
  }

  commit(): null {
    this.#table.clearDraft();
    return null;
  }

  rollback(): void {
    this.#table.clearDraft();
  }
}
