import * as z from "zod";
import type { LogEvent } from "./log-event.ts";
import { parseStored, type StoredRow } from "./log-row.ts";

/** The parts of a stored frame that are compared. */
const storedEvent = z.object({ type: z.string(), data: z.looseObject({}) });

/**
 * Returns whether a stored row and an event came from the same request, regardless of the order of JSON keys. A missing or
 * damaged row counts as the same, so that its event is not applied again.
 */
export function isSameEvent(row: StoredRow | undefined, event: LogEvent): boolean {
  const stored = storedEvent.safeParse(parseStored(row?.frame)).data;
  const request = parseStored(row?.request);
  if (!stored || request === undefined) return true;
  return (
    stored.type === event.type &&
    (row?.product ?? null) === event.productId &&
    sameJson(withIdAsText(stored.data, event), withIdAsText(JSON.parse(event.data), event)) &&
    sameJson(request, parseStored(event.request))
  );
}

/** A product's id may be sent as a number once and as text the next time; the caller compares the ids themselves. */
const withIdAsText = (data: object, { productId }: LogEvent) =>
  productId === null ? data : { ...data, product_id: productId };

/** Returns whether two parsed JSON values are equal; the order of an object's keys does not matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}
