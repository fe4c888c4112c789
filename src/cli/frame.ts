import * as z from "zod";
import { EVENTS } from "../protocol/events.ts";
import type { OrderEstablishedFrame } from "../protocol/frames.ts";

/** The frames as a listener reads them: only what the command line needs is checked, so that newer services are no trouble. */

const ESTABLISHED: OrderEstablishedFrame["type"] = "connection_established";

const establishedFrame = z.looseObject({
  type: z.literal(ESTABLISHED),
  data: z.looseObject({ channel: z.string(), epoch: z.string(), seq: z.int(), resumed: z.boolean().nullable() }),
});
const eventFrame = z.looseObject({
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  id: z.string(),
  seq: z.int(),
  ts: z.string(),
});

export type ReadFrame =
  | { kind: "established"; data: z.infer<typeof establishedFrame>["data"] }
  | ({ kind: "event" } & z.infer<typeof eventFrame>)
  | { kind: "other" };

/** @param text One message of a socket. */
export function readFrame(text: string): ReadFrame {
  const value = parseJson(text);
  const established = establishedFrame.safeParse(value);
  if (established.success) return { kind: "established", data: established.data.data };
  const event = eventFrame.safeParse(value);
  return event.success ? { kind: "event", ...event.data } : { kind: "other" };
}

/** How much of an event's data a line shows, in characters. */
const MAX_DATA_LENGTH = 160;
/** Data fields that say what the line says already: the channel and the time. */
const SAID_BEFORE = ["order_id", "timestamp"];

/** One event as one line: seq, time, type, and its data in short. */
export function eventLine({ seq, ts, type, data }: { seq: number; ts: string; type: string; data: object }): string {
  const fields = Object.entries(data)
    .filter(([name]) => !SAID_BEFORE.includes(name))
    .map(([name, value]) => `${name}=${shortValue(value)}`)
    .join(" ");
  const short = fields.length > MAX_DATA_LENGTH ? `${fields.slice(0, MAX_DATA_LENGTH)}…` : fields;
  return `${String(seq).padStart(5)}  ${ts}  ${type.padEnd(LONGEST_TYPE)}  ${short}`.trimEnd();
}

const LONGEST_TYPE = Math.max(...Object.keys(EVENTS).map((type) => type.length));

/** JSON wherever plain text could be misread, or hold what a terminal would obey. */
function shortValue(value: unknown): string {
  return typeof value === "string" && /^[\w.:/+-]+$/.test(value) ? value : JSON.stringify(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
