import * as z from "zod";
import { catalogueWith, type ExtraEvent, faultOfExtraType, MAX_EXTRA_EVENTS } from "../protocol/catalogue.ts";
import { splitList } from "./lists.ts";

const SHAPE = /^(orders|products):([^+]*)(\+status)?$/;

/** Parses `EXTRA_EVENTS` into the whole catalogue. A single issue names every invalid item. */
export const extraEvents = z.string().transform((text, context) => {
  const items = splitList(text);
  const events = items.map(parseItem);
  const faults = events.filter((event) => typeof event === "string");
  const extra = events.filter((event) => typeof event !== "string");
  const types = extra.map(({ type }) => type);
  const repeated = new Set(types.filter((type, i) => types.indexOf(type) < i));
  for (const type of repeated) faults.push(`"${type}" is declared more than once`);
  if (items.length > MAX_EXTRA_EVENTS) faults.push(`it has ${items.length} types`);
  if (faults.length > 0) {
    const rule = `must be at most ${MAX_EXTRA_EVENTS} of orders:<type>, orders:<type>+status and products:<type>, separated by commas`;
    context.addIssue({ code: "custom", message: `${rule}; ${faults.join("; ")}` });
  }
  return catalogueWith(extra);
});

/** Returns an event type, or what is wrong with it. */
function parseItem(item: string): ExtraEvent | string {
  const shown = JSON.stringify(item);
  const [, kind, type = "", suffix] = SHAPE.exec(item) ?? [];
  if (kind === undefined) return `${shown} does not have this form`;
  const fault = faultOfExtraType(type);
  if (fault !== null) return `${shown} ${fault}`;
  const channel = kind === "orders" ? "order" : "products";
  const changesStatus = suffix !== undefined;
  if (changesStatus && channel === "products") return `${shown} is about a product: only orders have +status`;
  return { channel, type, changesStatus };
}
