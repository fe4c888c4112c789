import type { ProductFilter } from "./product-filter.ts";

/** Finds the sockets that want an event without looking at those that do not. */
export class Interest<Socket> {
  readonly #unfiltered = new Set<Socket>();
  readonly #byProduct = new Map<string, Set<Socket>>();

  add(socket: Socket, filter: ProductFilter): void {
    if (filter === null) this.#unfiltered.add(socket);
    for (const product of filter ?? []) {
      const sockets = this.#byProduct.get(product) ?? new Set();
      this.#byProduct.set(product, sockets.add(socket));
    }
  }

  /** @param filter The one that the socket was added with. */
  remove(socket: Socket, filter: ProductFilter): void {
    this.#unfiltered.delete(socket);
    for (const product of filter ?? []) {
      const sockets = this.#byProduct.get(product);
      sockets?.delete(socket);
      if (sockets?.size === 0) this.#byProduct.delete(product);
    }
  }

  /** The products that any socket wants; null when one wants all. */
  get products(): ProductFilter {
    return this.#unfiltered.size > 0 ? null : [...this.#byProduct.keys()];
  }

  /** Yields the sockets that want an event of any of these products, each once. */
  *in(products: Iterable<string>): Generator<Socket> {
    yield* this.#unfiltered;
    const filtered = new Set<Socket>();
    for (const product of products) for (const socket of this.#byProduct.get(product) ?? []) filtered.add(socket);
    yield* filtered;
  }
}
