import { EVENTS } from "../../protocol/events.ts";
import type { Gap, OrderEvent, OrderSnapshot, Position, ProductEvent, ProductsSnapshot } from "../../sdk/index.ts";
import { countOf } from "../shared/count-of.ts";
import { printable } from "../shared/printable.ts";
import type { Terminal } from "../shared/terminal.ts";

export type Report = ReturnType<typeof reportTo>;

/** Prints events (with `--json`, frames) as results, and everything else as notes. */
export function reportTo(terminal: Terminal, isJson: boolean) {
  return {
    event: (event: OrderEvent | ProductEvent) => terminal.out(isJson ? JSON.stringify(event) : eventLine(event)),

    connected(snapshot: OrderSnapshot | ProductsSnapshot) {
      // The SDK passes on the frame's data alone.
      const frame = { type: "connection_established", data: snapshot, ts: new Date().toISOString() };
      if (isJson) terminal.out(JSON.stringify(frame));
      const { channel, seq, epoch } = snapshot;
      const state =
        "current_status" in snapshot
          ? `, status ${snapshot.current_status ?? "unknown"}, payment ${snapshot.payment_status ?? "unknown"}`
          : "";
      terminal.note(`listening to ${channel} at seq ${seq} (epoch ${epoch}${state})`);
    },

    /** @param count How many missed events arrived; null with a product filter, which hides their number. */
    recovered(count: number | null, { seq }: Position) {
      if (count === null) terminal.note(`resumed after seq ${seq}`);
      else if (count === 0) terminal.note(`no events were missed since seq ${seq}`);
      else terminal.note(`recovered ${countOf(count, "event")} since seq ${seq}`);
    },

    /** The missed events are no longer available. */
    notRecovered({ from, to }: Gap) {
      const why =
        from?.epoch === to.epoch ? "the history no longer reaches back that far" : "the channel started a new epoch";
      terminal.note(
        `could not recover: ${why}; skipped from seq ${from?.seq} of ${from?.epoch} to seq ${to.seq} of ${to.epoch}`,
      );
    },

    /** Events are missing in the middle of the channel, even after asking for them again. */
    missing: ({ from, to }: Gap) =>
      terminal.note(`gap: nothing arrived between seq ${from?.seq} and seq ${to.seq + 1}`),

    reconnecting: () => terminal.note("disconnected; trying again"),
  };
}

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
