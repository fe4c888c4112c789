import { PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import type { Identity } from "../contract.ts";
import type { Subject } from "../core.ts";
import type { Storage } from "../storage.ts";
import { applyVersion } from "./product-rules.ts";

export const PRODUCT_TABLES = {
  versions: "CREATE TABLE versions (product TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
};

/** The stored state of all products: the version last applied to each. */
export class Products implements Subject {
  readonly kind = "products";
  readonly hasProductFilter = true;
  readonly #storage: Storage;
  /** Versions within a delivery, before `commit`. */
  readonly #draft = new Map<string, number>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  describe(): Record<string, unknown> {
    return { channel: PRODUCTS_CHANNEL };
  }

  /** Any authenticated user may listen, but a ticket admits to its order only. */
  refusalFor({ orderId }: Identity): "access_denied" | null {
    return orderId === null ? null : "access_denied";
  }

  isOwnerKnown(): boolean {
    return true;
  }

  retainedUntil(): number {
    return Number.POSITIVE_INFINITY;
  }

  apply({ productId, version }: AcceptedEvent): [] | "stale" {
    if (productId === null || version === null) return [];
    const next = applyVersion(this.#draft.get(productId) ?? this.#version(productId), version);
    if (next === "stale") return next;
    if (next !== null) this.#draft.set(productId, next);
    return [];
  }

  save(): void {
    for (const [product, version] of this.#draft) {
      this.#storage.write("INSERT OR REPLACE INTO versions VALUES (?, ?)", product, version);
    }
  }

  commit(): null {
    this.#draft.clear();
    return null;
  }

  rollback(): void {
    this.#draft.clear();
  }

  #version(productId: string): number | null {
    const row = this.#storage.read("SELECT version FROM versions WHERE product = ?", productId)[0];
    return row ? Number(row.version) : null;
  }
}
