import type { Position } from "../../../protocol/frames.ts";
import type { Admission } from "../../admit.ts";
import type { ConnectRequest } from "../../handshake.ts";
import type { LoggedFrame } from "../../log/log-event.ts";
import type { RecentFrames } from "./recent-frames.ts";

/** How a shard admits clients, as pure functions of what it knows. */

/** A shard's head, and its latest frames. */
interface Known {
  head: Position;
  recent: Pick<RecentFrames, "since">;
}

/**
 * Admits a client without asking the root.
 * @param coveredFrom Every event of the client's products after this `seq` arrives here; null if some may not.
 * @returns null when only the root can admit it, for example because it comes from a shard that is ahead.
 */
export function admitLocally(
  { head, recent }: Known,
  coveredFrom: number | null,
  resume: ConnectRequest["resume"],
): Admission | null {
  if (coveredFrom === null) return null;
  // Events between the head and `coveredFrom` may never arrive here, so a new client starts after them.
  const start = { epoch: head.epoch, seq: Math.max(head.seq, coveredFrom) };
  if (resume === null || resume === "invalid") return { position: start, missed: null };
  if (resume.epoch !== head.epoch || resume.seq > head.seq || resume.seq < coveredFrom) return null;
  const missed = recent.since(resume.seq);
  return missed && { position: head, missed };
}

/**
 * Admits a client with the root's answer. The head may have passed it meanwhile: then what was pushed after it is here.
 * @param answer The root's position, and what the client missed up to it.
 * @returns null when the root must be asked again, because the frames in between are not here any more.
 */
export function admitAfter(
  { head, recent }: Known,
  answer: { position: Position; missed: LoggedFrame[] | null },
): Admission | null {
  const { position, missed } = answer;
  if (position.seq >= head.seq) return answer;
  if (missed === null) return { position: head, missed: null };
  const pushed = recent.since(position.seq);
  return pushed && { position: head, missed: [...missed, ...pushed] };
}
