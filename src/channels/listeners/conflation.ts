import type { LoggedFrame } from "../log/log-event.ts";

/** Matches frames that make earlier ones of the same type and product obsolete: stock levels and prices. */
const REPLACEABLE = /^\{"type":"(inventory_updated|price_updated)"/;

/** Returns the indexes of the frames that a later one replaces: one of the same type about the same product. */
export function replacedIn(frames: readonly LoggedFrame[]): ReadonlySet<number> {
  const replaced = new Set<number>();
  const last = new Map<string, number>();
  for (const [index, { text, productId }] of frames.entries()) {
    const type = REPLACEABLE.exec(text)?.[1];
    if (!type) continue;
    const key = `${type} ${productId}`;
    const former = last.get(key);
    if (former !== undefined) replaced.add(former);
    last.set(key, index);
  }
  return replaced;
}
