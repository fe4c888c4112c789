import type { AcceptedEvent } from "../../protocol/publish.ts";

/** What is kept of a product: the version last applied, and when the product was deleted (milliseconds since 1970). */
export interface ProductState {
  version: number | null;
  goneAt: number | null;
}

/**
 * Applies an event to its product, as a pure function.
 * @returns The product's state afterwards; `stale` when the event's version is not newer than the last one applied.
 */
export function applyProductEvent(
  { version: last }: ProductState,
  { type, version }: Pick<AcceptedEvent, "type" | "version">,
  now: number,
): ProductState | "stale" {
  if (version !== null && last !== null && version <= last) return "stale";
  return { version: version ?? last, goneAt: type === "product_deleted" ? now : null };
}
