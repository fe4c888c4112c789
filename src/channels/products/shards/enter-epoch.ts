import { sendGap } from "../../gap.ts";
import type { TakeRequest } from "./contract.ts";
import { isAbandoned } from "./drain.ts";
import type { Shard } from "./shard.ts";

/** A message of the root, and which epoch it is about. */
type RootMessage = Pick<TakeRequest, "stamp" | "epoch">;

/** Whether a message from the root predates the current epoch. */
export function isLate({ head, order }: Shard, { stamp, epoch }: RootMessage): boolean {
  const { position } = head;
  return position !== null && position.epoch !== epoch && order.isLate(stamp);
}

/**
 * Moves to the epoch of a message from the root, if it differs from the current one. Every listener then learns at once
 * that events may be missing.
 * @param seq Where the message begins. The listeners receive everything after it.
 */
export function enterEpoch(shard: Shard, { stamp, epoch }: RootMessage, seq: number, now: number): void {
  const { head, listeners, order, recent, interest } = shard;
  const { position } = head;
  if (position?.epoch === epoch) return;
  order.learned(stamp);
  head.start({ epoch, seq });
  recent.reset(seq);
  interest.restart(seq);
  if (!position) return;
  for (const { socket, listener } of listeners.all()) {
    const isBeyond = listener.from > seq || listener.coveredFrom > seq;
    if (isBeyond && !isAbandoned(listener)) listeners.update(socket, { from: seq, coveredFrom: seq });
  }
  sendGap(shard, now);
  head.save({ epoch, seq });
}
