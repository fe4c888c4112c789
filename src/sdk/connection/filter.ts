import { chunksOf } from "../../protocol/chunks.ts";
import { type Draft, send } from "./draft.ts";
import { NEVER } from "./machine-state.ts";

/** Which products a connection hears of, and how the service learns of it. */

/** A filter with nothing in it cannot be written in a URL. What comes for this product is not passed on. */
export const NO_PRODUCT = "-";
/** Changes to the filter within this time go together. */
const FILTER_DELAY_MS = 100;
/** A message has room for at least so many characters of product ids, whatever alphabet they are in. */
const MAX_IDS_LENGTH = 1000;

/** The page adds products, or removes them. */
export function changeFilter(
  d: Draft,
  { productIds, isAdded }: { productIds: readonly string[]; isAdded: boolean },
): void {
  const { s, now } = d;
  const rest = s.products && without(s.products, productIds);
  s.products = isAdded ? [...(rest ?? []), ...new Set(productIds)] : rest;
  // A page adds its products one by one, and the service counts messages.
  if (s.phase === "live" && s.filterAt === NEVER) s.filterAt = now + FILTER_DELAY_MS;
}

/** Tells the service what has changed since it last knew the filter. */
export function sendFilter(d: Draft): void {
  const { s } = d;
  const [before, wanted] = [s.openedWith, s.products];
  s.filterAt = NEVER;
  s.openedWith = wanted;
  // Room first: a filter has a limit, and the product that stands for none counts, too.
  const gone = before && (before.length || !wanted?.length ? without(before, wanted) : [NO_PRODUCT]);
  if (gone) for (const text of filterMessages("unsubscribe", gone)) send(d, text);
  if (wanted) for (const text of filterMessages("subscribe", without(wanted, before))) send(d, text);
}

/** The messages that change the filter by these products. */
function filterMessages(type: "subscribe" | "unsubscribe", productIds: readonly string[]): string[] {
  return chunksOf([...productIds], MAX_IDS_LENGTH).map((product_ids) => JSON.stringify({ type, product_ids }));
}

export const without = (ids: readonly string[], others: readonly string[] | null) =>
  ids.filter((id) => !others?.includes(id));
