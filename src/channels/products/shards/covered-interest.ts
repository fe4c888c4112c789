import type { ProductFilter } from "../../listeners/product-filter.ts";

/** Products that no listener wants any more are removed at most this often. */
const REMOVAL_INTERVAL_MS = 10_000;

/** What the shard tells the root about its interest. */
interface Replacement {
  version: number;
  products: ProductFilter;
}

/**
 * The products whose events the root sends to this shard, each with the position since when it does. The root confirms
 * every addition; removals ride on acknowledgements.
 */
export class CoveredInterest {
  /** By product; under null, since when events of all products arrive. */
  readonly #since = new Map<string | null, number>();
  /** Additions that the root has not confirmed. */
  readonly #pending = new Set<{ products: ProductFilter }>();
  #version = 0;
  /** Null before the first time: then the root may know the interest from before this object woke. */
  #replacedAt: number | null = null;

  /** Whether the root is being asked for products. */
  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Returns since which position every event of these products has arrived here; null when that is not so. */
  coveredFrom(products: ProductFilter): number | null {
    const sinceAll = this.#since.get(null) ?? Number.POSITIVE_INFINITY;
    const since = (product: string) => Math.min(this.#since.get(product) ?? Number.POSITIVE_INFINITY, sinceAll);
    const from = products === null ? sinceAll : Math.max(0, ...products.map(since));
    return from === Number.POSITIVE_INFINITY ? null : from;
  }

  /**
   * Adds products, for which the root is asked. They count as wanted until `end` is called.
   * @returns `confirm` notes that the root sends every event after a `seq`.
   */
  add(products: ProductFilter): { version: number; confirm: (seq: number) => void; end: () => void } {
    const addition = { products };
    this.#pending.add(addition);
    return {
      version: ++this.#version,
      confirm: (seq) => this.confirm(products, seq),
      end: () => this.#pending.delete(addition),
    };
  }

  /** Notes that every event of some products after a `seq` arrives here. */
  confirm(products: ProductFilter, seq: number): void {
    for (const product of products ?? [null]) {
      this.#since.set(product, Math.min(this.#since.get(product) ?? Number.POSITIVE_INFINITY, seq));
    }
  }

  /** Notes that what is covered is covered after a `seq`, in another epoch or for the first time since the object woke. */
  restart(seq: number): void {
    for (const product of this.#since.keys()) this.#since.set(product, seq);
  }

  clear(): void {
    this.#since.clear();
  }

  /**
   * Returns what replaces the root's knowledge; null when it need not change. From then on, the rest is not covered.
   * @param knownVersion The version that the root knows; null when it knows none.
   * @param wanted What the listeners want.
   */
  replacement(knownVersion: number | null, wanted: ProductFilter, now: number): Replacement | null {
    const isUnknown = knownVersion === null || this.#replacedAt === null;
    if (!isUnknown && now - (this.#replacedAt ?? 0) < REMOVAL_INTERVAL_MS) return null;
    const products = [...this.#pending].reduce<ProductFilter>((all, addition) => union(all, addition.products), wanted);
    const isRemoved = products !== null && this.#isLargerThan(products);
    if (!isUnknown && !isRemoved) return null;
    this.#replacedAt = now;
    this.#keep(products);
    return { version: this.#version, products };
  }

  #isLargerThan(products: string[]): boolean {
    const wanted = new Set<string | null>(products);
    return [...this.#since.keys()].some((product) => !wanted.has(product));
  }

  #keep(products: ProductFilter): void {
    // All events are wanted: nothing is removed.
    if (products === null) return;
    const kept = products.flatMap((product) => {
      const from = this.coveredFrom([product]);
      return from === null ? [] : [[product, from] as const];
    });
    this.#since.clear();
    for (const [product, from] of kept) this.#since.set(product, from);
  }
}

const union = (one: ProductFilter, other: ProductFilter): ProductFilter =>
  one === null || other === null ? null : [...new Set([...one, ...other])];
