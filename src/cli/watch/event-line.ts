import { EVENTS } from "../../protocol/events.ts";
import type { OrderEvent, ProductEvent } from "../../sdk/index.ts";
import { printable } from "../shared/printable.ts";

/** How much of an event's data a line shows, in characters. */
const MAX_DATA_LENGTH = 160;
/** Data fields that say little: each line is about the order that is watched, and has a time. */
const REDUNDANT_FIELDS = ["order_id", "timestamp"];
const LONGEST_TYPE = Math.max(...Object.keys(EVENTS).map((type) => type.length));

/** Formats an event as one line: seq, time, type, and shortened data. */
export function eventLine({
  seq,
  ts,
  type,
  data,
}: Pick<OrderEvent | ProductEvent, "seq" | "ts" | "type" | "data">): string {
  const fields = Object.entries(data)
    .filter(([name]) => !REDUNDANT_FIELDS.includes(name))
    .map(([name, value]) => `${printable(name)}=${shortValue(value)}`)
    .join(" ");
  const short = fields.length > MAX_DATA_LENGTH ? `${fields.slice(0, MAX_DATA_LENGTH)}…` : fields;
  return `${String(seq).padStart(5)}  ${ts}  ${type.padEnd(LONGEST_TYPE)}  ${short}`.trimEnd();
}

/** Quotes as JSON whatever could be misread. */
function shortValue(value: unknown): string {
  return typeof value === "string" && /^[\w.:/+-]+$/.test(value) ? value : printable(JSON.stringify(value));
}
