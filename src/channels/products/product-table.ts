import * as z from "zod";
import type { Migrations } from "../layout.ts";
import type { ProductChains } from "../log/product-chains.ts";
import type { Storage } from "../storage.ts";
import type { ProductState } from "./product-rules.ts";

/**
 * One row per product. The table keeps the name and columns that earlier versions use, so that it still serves them after
 * a rollback. They set `seq` to 0, which shows that their events are not chained.
 */
export const PRODUCT_MIGRATIONS: Migrations = [
  ["CREATE TABLE versions (product TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"],
  // Replaced by `versions.gone_at` and no longer written. To be dropped by the next layout.
  ["CREATE TABLE gone (product TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID"],
  [
    "ALTER TABLE versions ADD COLUMN seq INTEGER NOT NULL DEFAULT 0",
    // When the product was deleted. Its row is kept only as long as late events may arrive.
    "ALTER TABLE versions ADD COLUMN gone_at INTEGER",
    // The product's previous event, see `ProductChains`.
    "ALTER TABLE log ADD COLUMN prev INTEGER NOT NULL DEFAULT 0",
    // See `IdIndex`.
    "CREATE TABLE chunks (seq INTEGER PRIMARY KEY, ids BLOB NOT NULL)",
  ],
];

/** Stands for no version in a column that cannot be NULL. Published versions are at least 0. */
const NO_VERSION = -1;

/** The document about forgotten products. */
const PRUNING = "pruning";
const pruningState = z.object({
  /** The highest `seq` of their events. */
  prunedThrough: z.int().min(0),
  /** See `ProductTable.goneSince`. */
  goneSince: z.number(),
});
type Pruning = z.infer<typeof pruningState>;

/** Stands for a `seq` that cannot be read. Beyond every position, so that no listener resumes past a possible gap. */
const UNREADABLE = Number.MAX_SAFE_INTEGER;

/** A product's state, and the `seq` of its last event. */
interface ProductRow extends ProductState {
  seq: number;
}

/** The stored rows of products, with the unsaved changes of the current delivery. */
export class ProductTable implements ProductChains {
  readonly #storage: Storage;
  /** The products that the current delivery has changed so far. */
  readonly #draft = new Map<string, ProductRow>();
  /** Read from storage when first needed. */
  #pruning: Pruning | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * Returns a product's row, with the changes of the current delivery. An unknown or forgotten product has no version, and
   * the `seq` of the last event that was forgotten.
   */
  get(product: string): ProductRow {
    return this.#draft.get(product) ?? this.#read(product);
  }

  /** Sets a product's state within the current delivery; `save` stores it. */
  set(product: string, state: ProductState): void {
    this.#draft.set(product, { ...this.get(product), ...state });
  }

  lastSeq(product: string): number {
    return this.get(product).seq;
  }

  extend(product: string, seq: number): number {
    const row = this.get(product);
    this.#draft.set(product, { ...row, seq });
    return row.seq;
  }

  /** Takes over the deletions that an earlier version recorded, in up to two written rows each. */
  adopt(): void {
    this.#storage.transaction(() => {
      this.#storage.write(
        "UPDATE versions SET gone_at = gone.at FROM gone WHERE gone.product = versions.product AND gone_at IS NULL",
      );
      this.#storage.write("DELETE FROM gone");
    });
  }

  /** Stores the delivery's changes, one row per product. */
  save(): void {
    for (const [product, { version, seq, goneAt }] of this.#draft) {
      this.#storage.write(
        "INSERT OR REPLACE INTO versions (product, version, seq, gone_at) VALUES (?, ?, ?, ?)",
        product,
        version ?? NO_VERSION,
        seq,
        goneAt,
      );
    }
  }

  /** Ends a delivery, after its changes were stored or rolled back. */
  clearDraft(): void {
    this.#draft.clear();
  }

  /** No known product was deleted before this time, in milliseconds since 1970. */
  get goneSince(): number {
    return this.#loadPruning().goneSince;
  }

  /**
   * Forgets the products that were deleted up to a time. Reads every row, so not every alarm calls it.
   * @returns When the earliest of the remaining deleted products was deleted, or null.
   */
  prune(goneUntil: number, now: number): number | null {
    const gone = this.#storage
      .read("SELECT product, gone_at FROM versions WHERE gone_at IS NOT NULL")
      .map(({ product, gone_at }) => ({ product: String(product), goneAt: Number(gone_at) }));
    const due = gone.filter(({ goneAt }) => goneAt <= goneUntil);
    const left = gone.filter(({ goneAt }) => goneAt > goneUntil);
    const next = left.reduce<number | null>((first, { goneAt }) => Math.min(first ?? goneAt, goneAt), null);
    const prunedThrough = due.reduce(
      (last, { product }) => Math.max(last, this.lastSeq(product)),
      this.#loadPruning().prunedThrough,
    );
    const pruning: Pruning = { prunedThrough, goneSince: Math.min(next ?? now, now) };
    this.#storage.transaction(() => {
      for (const { product } of due) this.#storage.write("DELETE FROM versions WHERE product = ?", product);
      this.#storage.writeState(PRUNING, pruning);
    });
    this.#pruning = pruning;
    return next;
  }

  #read(product: string): ProductRow {
    const row = this.#storage.read("SELECT version, seq, gone_at FROM versions WHERE product = ?", product)[0];
    if (!row) return { version: null, goneAt: null, seq: this.#loadPruning().prunedThrough };
    const { version, gone_at: goneAt, seq } = row;
    return {
      version: typeof version === "number" && version !== NO_VERSION ? version : null,
      goneAt: typeof goneAt === "number" ? goneAt : null,
      seq: Number.isSafeInteger(seq) ? Number(seq) : UNREADABLE,
    };
  }

  #loadPruning(): Pruning {
    if (!this.#pruning) {
      const isStored = this.#storage.read("SELECT name FROM state WHERE name = ?", PRUNING).length > 0;
      // An unreadable row may have covered any product.
      const fallback: Pruning = { prunedThrough: isStored ? UNREADABLE : 0, goneSince: 0 };
      this.#pruning = this.#storage.readState(PRUNING, pruningState) ?? fallback;
    }
    return this.#pruning;
  }
}
