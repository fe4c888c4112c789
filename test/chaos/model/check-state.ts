import { statusChangeOf } from "../../../src/protocol/status-change.ts";
import type { ChannelView, Findings } from "./checker.ts";
import type { OrderView } from "./record.ts";

const FIELDS = ["status", "payment_status", "tracking_number", "carrier"] as const;

/** Every state that was shown of an order, in its snapshot and in first frames, is the one that its events lead to. */
export function checkState(view: ChannelView, final: OrderView | null, initial: OrderView, found: Findings): void {
  if (final === null) return;
  const shown = view.listeners.flatMap(({ name, segments }) =>
    segments.map(({ first }) => ({ where: name, seq: first.seq, state: first.state })),
  );
  shown.push({ where: "the snapshot", seq: view.head, state: final });
  shown.sort((a, b) => a.seq - b.seq);

  const state: OrderView = { ...initial };
  /** Fields that an unknown event may have set: older than the history, and received by no listener. */
  const unknown = new Set<(typeof FIELDS)[number]>();
  let seq = 0;
  for (const { where, seq: at, state: actual } of shown) {
    while (seq < at) {
      const event = view.bySeq.get(++seq);
      if (!event) {
        for (const field of FIELDS) unknown.add(field);
        continue;
      }
      const change = statusChangeOf(event);
      Object.assign(state, change);
      for (const field of FIELDS) if (change[field] !== undefined) unknown.delete(field);
    }
    for (const field of FIELDS) {
      if (unknown.has(field)) continue;
      found.expect((actual?.[field] ?? null) === (state[field] ?? null), "stale state", () => {
        return `${view.channel}, ${where}: ${field} at ${at} is ${actual?.[field]}, not ${state[field]}`;
      });
    }
  }
}
