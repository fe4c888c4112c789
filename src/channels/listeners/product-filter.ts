import { isFilterWithinLimits } from "../../protocol/product-filter.ts";

/** A listener's product filter: the ids whose events it receives; null for all. */
export type ProductFilter = string[] | null;

/**
 * Applies `subscribe` or `unsubscribe` to a filter. An unfiltered listener that subscribes to a product receives only
 * that product from then on; one that unsubscribes still receives everything, because a filter cannot exclude.
 * @returns The new filter, or `too_large`.
 */
export function changeFilter(
  filter: ProductFilter,
  change: { type: "subscribe" | "unsubscribe"; product_ids: string[] },
): ProductFilter | "too_large" {
  if (change.type === "unsubscribe") return filter?.filter((id) => !change.product_ids.includes(id)) ?? null;
  const changed = [...new Set([...(filter ?? []), ...change.product_ids])];
  return isFilterWithinLimits(changed) ? changed : "too_large";
}
