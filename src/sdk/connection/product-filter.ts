import type { ProductId } from "../../protocol/event-data.ts";
import { encodeProductFilter, isFilterWithinLimits } from "../../protocol/product-filter.ts";

/** The product filter: its limit, how it travels in the URL and in messages. Pure. */

/** Product ids without duplicates, or null for all products. */
export type ProductFilter = readonly string[] | null;

export interface FilterMessage {
  type: "subscribe" | "unsubscribe";
  product_ids: string[];
}

/** Stands for the empty filter. Events of a product with this id do not pass. */
const NO_PRODUCT = "-";
/** Product ids per message: with the longest ids, in any alphabet, the message stays below the service's 16 KB. */
const MAX_IDS = 20;

/**
 * Adds products to a filter. Added to "all products", they become the filter.
 * @throws {RangeError} for more than 50 products, or ids of more than 6,400 UTF-16 units together.
 */
export function withProducts(filter: ProductFilter, productIds: readonly ProductId[]): string[] {
  const ids = [...new Set([filter ?? [], productIds].flat().map(String))];
  if (!isFilterWithinLimits(ids)) throw new RangeError("At most 50 product ids, 6,400 characters in total");
  return ids;
}

/** Removes products from a filter. "All products" stays as it is. */
export function withoutProducts(filter: ProductFilter, productIds: ProductFilter): ProductFilter {
  return filter ? filter.filter((id) => !productIds?.includes(id)) : null;
}

/** A filter as it is sent: the URL cannot carry an empty one. */
const sentAs = (filter: ProductFilter) => (filter?.length === 0 ? [NO_PRODUCT] : filter);

/** Returns a filter as a parameter to append to a URL's query. */
export function filterQuery(filter: ProductFilter): string {
  const ids = sentAs(filter);
  return ids ? `&${encodeProductFilter(ids)}` : "";
}

/** Returns the messages that change the service's filter from `sent` to `wanted`. */
export function filterMessages(sent: ProductFilter, wanted: ProductFilter): FilterMessage[] {
  const [from, to] = [sentAs(sent), sentAs(wanted)];
  // Unsubscribe first, to stay within the limit.
  return [...messages("unsubscribe", withoutProducts(from, to)), ...messages("subscribe", withoutProducts(to, from))];
}

function messages(type: FilterMessage["type"], productIds: ProductFilter): FilterMessage[] {
  if (!productIds?.length) return [];
  return [{ type, product_ids: productIds.slice(0, MAX_IDS) }, ...messages(type, productIds.slice(MAX_IDS))];
}
