import type { ProductFilter } from "../../listeners/product-filter.ts";
import { type JoinRequest, MAX_INTEREST_PRODUCTS } from "./contract.ts";

/**
 * How often to look for products that no listener wants. One found twice in a row is removed: clients that lose their
 * connections and reconnect within a minute are admitted without asking the root.
 */
const SWEEP_INTERVAL_MS = 60_000;

/**
 * The products whose events the root sends to this shard, each with the position from which it does. The root confirms
 * every addition; removals are reported with acknowledgements.
 */
export class CoveredInterest {
  readonly #wanted: () => ProductFilter;
  /** The `seq` after which a product's events arrive; under null, those of all products. */
  readonly #since = new Map<string | null, number>();
  /** Additions that the root has not confirmed. */
  readonly #pending = new Set<{ products: ProductFilter }>();
  /** What the last sweep found without a listener. */
  #unwanted = new Set<string | null>();
  #sweptAt = Number.NEGATIVE_INFINITY;
  /** With more products than this, those that no listener wants are removed at once. */
  #maxProducts = MAX_INTEREST_PRODUCTS;
  #version = 0;
  /** The version of the replacement that describes this interest; null when there is none yet. */
  #replacedVersion: number | null = null;

  /** @param wanted Returns what the listeners want. */
  constructor(wanted: () => ProductFilter) {
    this.#wanted = wanted;
  }

  /** Whether the root is being asked for products. */
  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Returns the position after which every event of these products has arrived here; null if there is none. */
  coveredFrom(products: ProductFilter): number | null {
    const sinceAll = this.#since.get(null) ?? Number.POSITIVE_INFINITY;
    const since = (product: string) => Math.min(this.#since.get(product) ?? Number.POSITIVE_INFINITY, sinceAll);
    const from = products === null ? sinceAll : Math.max(0, ...products.map(since));
    return from === Number.POSITIVE_INFINITY ? null : from;
  }

  /**
   * Adds products that the root is being asked for. They count as wanted until `end` is called.
   * @returns `confirm` notes that the root sends every event of them after a `seq`.
   */
  add(products: ProductFilter): { version: number; confirm: (seq: number) => void; end: () => void } {
    const addition = { products };
    this.#pending.add(addition);
    let isConfirmed = false;
    return {
      version: ++this.#version,
      confirm: (seq) => {
        isConfirmed = true;
        this.confirm(products, seq);
      },
      end: () => {
        this.#pending.delete(addition);
        // The answer may have been lost: then the root knows products that this shard does not.
        if (!isConfirmed) this.#replacedVersion = null;
      },
    };
  }

  /** Notes that every event of some products after a `seq` arrives here. */
  confirm(products: ProductFilter, seq: number): void {
    for (const product of products ?? [null]) {
      this.#since.set(product, Math.min(this.#since.get(product) ?? Number.POSITIVE_INFINITY, seq));
    }
    if (this.#since.size <= this.#maxProducts) return;
    this.#remove(this.#unneeded());
    this.#maxProducts = Math.max(MAX_INTEREST_PRODUCTS, 2 * this.#since.size);
  }

  /** Moves the start of all coverage to a `seq`, where the current epoch begins for this shard. */
  restart(seq: number): void {
    for (const product of this.#since.keys()) this.#since.set(product, seq);
  }

  clear(): void {
    this.#since.clear();
    this.#replacedVersion = null;
  }

  /**
   * Returns the whole interest, which replaces what the root knows; null when that need not change. Repeated until the
   * root names its version.
   * @param knownVersion The version of the last replacement that the root took; null when it knows none.
   */
  replacement(knownVersion: number | null, now: number): JoinRequest["interest"] | null {
    this.#sweep(now);
    if (knownVersion !== null && knownVersion === this.#replacedVersion) return null;
    this.#replacedVersion = ++this.#version;
    return { version: this.#version, products: this.#products() };
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_INTERVAL_MS) return;
    this.#sweptAt = now;
    const unneeded = this.#unneeded();
    this.#remove(unneeded.filter((product) => this.#unwanted.has(product)));
    this.#unwanted = new Set(unneeded.filter((product) => this.#since.has(product)));
  }

  #remove(products: (string | null)[]): void {
    if (products.length === 0) return;
    // Products that were covered only as part of all products stay covered.
    if (products.includes(null)) for (const product of this.#needed() ?? []) this.#keep(product);
    for (const product of products) this.#since.delete(product);
    this.#replacedVersion = null;
  }

  #keep(product: string): void {
    const from = this.coveredFrom([product]);
    if (from !== null) this.#since.set(product, from);
  }

  /** Returns what need not be covered: products that no listener needs, or single ones when a listener needs all. */
  #unneeded(): (string | null)[] {
    const needed = new Set<string | null>(this.#needed() ?? [null]);
    return [...this.#since.keys()].filter((product) => !needed.has(product));
  }

  /** Returns what the listeners want, and what the root is being asked for. */
  #needed(): ProductFilter {
    return this.#withPending(this.#wanted());
  }

  /** Returns what the root is to send; null for everything. */
  #products(): ProductFilter {
    const covered = [...this.#since.keys()];
    const products = this.#withPending(covered.every((product) => product !== null) ? covered : null);
    return products !== null && products.length > MAX_INTEREST_PRODUCTS ? null : products;
  }

  #withPending(products: ProductFilter): ProductFilter {
    return [...this.#pending].reduce<ProductFilter>((all, addition) => union(all, addition.products), products);
  }
}

const union = (one: ProductFilter, other: ProductFilter): ProductFilter =>
  one === null || other === null ? null : [...new Set([...one, ...other])];
