import type { Terminal } from "../shared/terminal.ts";
import { eventLine } from "./event-line.ts";
import type { FollowReport } from "./follow.ts";

/** Prints events (with `--json`, frames) as results, and everything else as notes. */
export function reportTo(terminal: Terminal, isJson: boolean): FollowReport {
  return {
    event: (event) => terminal.out(isJson ? JSON.stringify(event) : eventLine(event)),
    connected(snapshot) {
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
    recovered(count, { seq }) {
      if (count === null) terminal.note(`resumed after seq ${seq}`);
      else if (count === 0) terminal.note(`no events were missed since seq ${seq}`);
      else terminal.note(`recovered ${countOf(count, "event")} since seq ${seq}`);
    },
    notRecovered({ from, to }) {
      const why = from?.epoch === to.epoch ? "history no longer reaches back" : "the channel started a new epoch";
      terminal.note(
        `could not recover: ${why}; skipped from seq ${from?.seq} of ${from?.epoch} to seq ${to.seq} of ${to.epoch}`,
      );
    },
    missing: ({ from, to }) => terminal.note(`gap: nothing arrived between seq ${from?.seq} and seq ${to.seq + 1}`),
    reconnecting: () => terminal.note("disconnected; trying again"),
  };
}

export const countOf = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
