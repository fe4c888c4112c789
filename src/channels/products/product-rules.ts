/**
 * Decides by its version whether a product event applies. Pure.
 * @param last The version last applied to the product; null when there was none.
 * @param version The event's; null when it has none, which always applies.
 * @returns The product's version afterwards, or `stale` when the event's is not newer.
 */
export function applyVersion(last: number | null, version: number | null): number | null | "stale" {
  if (version === null) return last;
  return last !== null && version <= last ? "stale" : version;
}
