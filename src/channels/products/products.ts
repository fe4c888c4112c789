import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import type { Identity } from "../contract.ts";
import type { Applied, Topic } from "../core.ts";
import type { Migrations } from "../layout.ts";
import type { Storage } from "../storage.ts";
import { applyProductEvent, type ProductState } from "./product-rules.ts";

export const PRODUCT_MIGRATIONS: Migrations = [
  ["CREATE TABLE versions (product TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"],
  // Deleted products: their versions are kept only for as long as late events may come.
  ["CREATE TABLE gone (product TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"],
];

/** The stored state of all products: the version last applied to each. */
export class Products implements Topic {
  readonly kind = "products";
  readonly hasProductFilter = true;
  readonly #storage: Storage;
  readonly #keepGoneMs: number;
  /** Versioned products that changed within a delivery, before `commit`: as they were stored, and as they are. */
  readonly #draft = new Map<string, { stored: ProductState; state: ProductState }>();

  /** When the product that was deleted first was; read from storage when first needed. */
  #firstGoneAt: number | undefined;

  /** @param keepGoneMs How long late events may come for a product that was deleted. */
  constructor(storage: Storage, keepGoneMs: number) {
    this.#storage = storage;
    this.#keepGoneMs = keepGoneMs;
  }

  describe(): Record<string, unknown> {
    return { channel: PRODUCTS_CHANNEL };
  }

  /** Any authenticated user may listen, but a ticket admits to its order only. */
  refusalFor({ orderId }: Identity): "access_denied" | null {
    return orderId === null ? null : "access_denied";
  }

  isRefusalFinal(): boolean {
    return true;
  }

  dueAt(): number {
    if (this.#firstGoneAt === undefined) {
      const first = this.#storage.read("SELECT min(at) AS at FROM gone")[0]?.at;
      this.#firstGoneAt = typeof first === "number" ? first : Number.POSITIVE_INFINITY;
    }
    return this.#firstGoneAt + this.#keepGoneMs;
  }

  /** Forgets the versions of products that were deleted long ago. */
  maintain(now: number): "keep" {
    if (now < this.dueAt()) return "keep";
    const until = now - this.#keepGoneMs;
    this.#storage.transaction(() => {
      this.#storage.write("DELETE FROM versions WHERE product IN (SELECT product FROM gone WHERE at <= ?)", until);
      this.#storage.write("DELETE FROM gone WHERE at <= ?", until);
    });
    this.#firstGoneAt = undefined;
    return "keep";
  }

  apply(event: AcceptedEvent, now: number): Applied | "stale" {
    const applied: Applied = { corrections: [], endsReplay: false };
    // Only versions are kept, so an event without one matters only where it deletes a product that has one.
    if (event.productId === null || (event.version === null && event.type !== "product_deleted")) return applied;
    const known = this.#draft.get(event.productId);
    const stored = known?.stored ?? this.#read(event.productId);
    const state = applyProductEvent(known?.state ?? stored, event, now);
    if (state === "stale") return state;
    if (state.version !== null) this.#draft.set(event.productId, { stored, state });
    return applied;
  }

  save(): void {
    for (const [product, { stored, state }] of this.#draft) {
      if (state.version !== stored.version) {
        this.#storage.write("INSERT OR REPLACE INTO versions (product, version) VALUES (?, ?)", product, state.version);
      }
      if (state.goneAt !== null)
        this.#storage.write("INSERT OR REPLACE INTO gone VALUES (?, ?)", product, state.goneAt);
      else if (stored.goneAt !== null) this.#storage.write("DELETE FROM gone WHERE product = ?", product);
    }
  }

  commit(): null {
    for (const { state } of this.#draft.values()) if (state.goneAt !== null) this.#firstGoneAt = undefined;
    this.#draft.clear();
    return null;
  }

  rollback(): void {
    this.#draft.clear();
    this.#firstGoneAt = undefined;
  }

  #read(productId: string): ProductState {
    const query =
      "SELECT version, at FROM versions LEFT JOIN gone ON gone.product = versions.product WHERE versions.product = ?";
    const row = this.#storage.read(query, productId)[0];
    return {
      version: typeof row?.version === "number" ? row.version : null,
      goneAt: typeof row?.at === "number" ? row.at : null,
    };
  }
}
