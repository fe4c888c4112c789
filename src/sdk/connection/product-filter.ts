import { MAX_FILTER_PRODUCTS } from "../../protocol/frames.ts";

/** The product filter: its limit, how it travels in the URL and in messages, and which events pass. Pure. */

/** Product ids without duplicates, or null for all products. */
export type ProductFilter = readonly string[] | null;

export interface FilterMessage {
  type: "subscribe" | "unsubscribe";
  product_ids: string[];
}

/** Stands for the empty filter in the URL, which cannot carry an empty list. */
const NO_PRODUCT = "-";
/** Product ids per message: with the longest ids, in any alphabet, the message stays below the service's 16 KB. */
const MAX_IDS = 20;

/**
 * Adds products to a filter. Added to "all products", they become the filter.
 * @throws {RangeError} if the filter would have more than 50 products.
 */
export function withProducts(filter: ProductFilter, productIds: readonly string[]): string[] {
  const ids = [...new Set([...(filter ?? []), ...productIds])];
  if (ids.length > MAX_FILTER_PRODUCTS) throw new RangeError(`At most ${MAX_FILTER_PRODUCTS} products`);
  return ids;
}

/** Removes products from a filter. "All products" stays as it is. */
export function withoutProducts(filter: ProductFilter, productIds: ProductFilter): ProductFilter {
  return filter ? filter.filter((id) => !productIds?.includes(id)) : null;
}

/** Returns the URL parameters of a filter. */
export const filterParams = (filter: ProductFilter) => filter && { product_id: filter.join() || NO_PRODUCT };

/** Returns the messages that change the service's filter from `sent` to `wanted`. */
export function filterMessages(sent: ProductFilter, wanted: ProductFilter): FilterMessage[] {
  // The empty filter went out as `NO_PRODUCT`, which counts towards the limit.
  const removed = sent?.length === 0 && wanted?.length ? [NO_PRODUCT] : withoutProducts(sent, wanted);
  // Unsubscribe first, to stay within the limit.
  return [...messages("unsubscribe", removed), ...messages("subscribe", withoutProducts(wanted, sent))];
}

function messages(type: FilterMessage["type"], productIds: ProductFilter): FilterMessage[] {
  if (!productIds?.length) return [];
  return [{ type, product_ids: productIds.slice(0, MAX_IDS) }, ...messages(type, productIds.slice(MAX_IDS))];
}

/** Whether an event passes. Events of removed products arrive until the service knows the new filter. */
export const passes = (filter: ProductFilter, productId: unknown) => !filter || filter.includes(String(productId));
