import type { Position } from "../../../protocol/frames.ts";
import type { LoggedFrame } from "../../log/log-event.ts";
import type { TakeRequest } from "./contract.ts";
import type { RootHistory } from "./root-history.ts";
import type { ShardLink } from "./shard-link.ts";

/** The longest push, in characters of its frames. A longer single frame is a push of its own. */
const MAX_PUSH_CHARACTERS = 256 * 1024;

/** What a push says. */
export type Push = Pick<TakeRequest, "epoch" | "after" | "upTo" | "frames" | "isReset">;

/** What the root knows of a shard. */
export type ShardState = Pick<ShardLink, "acked" | "isAckedKnown" | "scanned" | "isProbeDue" | "wants">;

/** The root's events. */
export type History = Pick<RootHistory, "epoch" | "head" | "epochStart" | "endOf" | "since">;

/**
 * Decides what a shard is sent next, as a pure function of what the root knows. Each push continues where the shard's
 * acknowledgement ends. A shard in a former epoch receives the rest of that epoch before the new one begins.
 * @returns The push; or how far the events were looked at, if none is for the shard.
 */
export function nextPush(shard: ShardState, history: History): Push | { scanned: number } {
  const { acked, isAckedKnown, scanned, isProbeDue } = shard;
  const { epoch, head } = history;
  if (acked.epoch === epoch) return pushIn({ start: acked, scanned, end: head, isProbeDue }, shard, history);
  const end = history.endOf(acked.epoch);
  if (end !== null && (acked.seq < end || !isAckedKnown)) {
    const rest = pushIn({ start: acked, scanned, end, isProbeDue: !isAckedKnown }, shard, history);
    const isRest = "frames" in rest ? !rest.isReset : rest.scanned < end;
    if (isRest) return rest;
  }
  const seq = history.epochStart;
  return pushIn({ start: { epoch, seq }, scanned: seq, end: head, isProbeDue: true }, shard, history);
}

/** What follows a position in its epoch, up to `end`. */
interface Stretch extends Pick<ShardState, "scanned" | "isProbeDue"> {
  start: Position;
  end: number;
}

/** Returns the push of a stretch; or how far its events were looked at, if none is for the shard. */
function pushIn(
  { start: { epoch, seq: after }, scanned, end, isProbeDue }: Stretch,
  shard: Pick<ShardState, "wants">,
  history: History,
): Push | { scanned: number } {
  const from = Math.max(after, scanned);
  if (from >= end && !isProbeDue) return { scanned: from };
  const later = from >= end ? { frames: [], upTo: end } : history.since(from);
  if (later === null)
    return { epoch: history.epoch, after: history.head, upTo: history.head, frames: [], isReset: true };
  const { frames, upTo } = select(later.frames, shard, Math.min(end, later.upTo));
  if (frames.length === 0 && !isProbeDue) return { scanned: upTo };
  return { epoch, after, upTo, frames, isReset: false };
}

/** Picks the frames of a push, and tells up to where it is complete. */
function select(
  later: Iterable<LoggedFrame>,
  shard: Pick<ShardState, "wants">,
  end: number,
): { frames: LoggedFrame[]; upTo: number } {
  const frames: LoggedFrame[] = [];
  let characters = 0;
  let upTo = 0;
  for (const frame of later) {
    if (frame.seq > end) break;
    if (shard.wants(frame.productId)) {
      characters += frame.text.length;
      if (characters > MAX_PUSH_CHARACTERS && frames.length > 0) return { frames, upTo };
      frames.push(frame);
    }
    upTo = frame.seq;
  }
  return { frames, upTo: end };
}
