import { type Draft, sendMessage } from "./draft.ts";
import { extendPongTimeout } from "./heartbeat.ts";
import type { ChannelEvent, ChannelSnapshot } from "./link.ts";
import type { Input } from "./machine-state.ts";
import { isInteger, isObject, isPosition } from "./position.ts";
import { backOff } from "./retry.ts";
import { scheduleRefresh } from "./token-refresh.ts";

/**
 * What frames do to a connection: each event is delivered once, in order, and moves the position. A malformed frame
 * does nothing, or throws, and the caller skips it.
 */

/** Returns the close that a frame announces, as an input. */
export function closeOf(frame: unknown): Input | false {
  const { type, data } = Object(frame);
  return type === "closing" && isInteger(data.code) && { ...data, type: "socket_closed" };
}

/** Takes a frame of a live connection. */
export function receiveFrame(draft: Draft, { frame }: { frame: unknown }): void {
  extendPongTimeout(draft);
  if (!isObject(frame)) return;
  const { type, data } = frame;
  // The channel began a new epoch.
  if (isEstablished(frame)) takeSnapshot(draft, frame, false);
  else if (type === "ack_request") sendMessage(draft, { ...frame, type: "ack" });
  else if (type === "token_expiring" && isObject(data)) {
    draft.tokenExpiresAt = Date.parse(String(data.expires_at)) || draft.tokenExpiresAt;
    scheduleRefresh(draft, draft.now);
  } else receiveEvent(draft, frame);
}

function receiveEvent(draft: Draft, frame: Record<string, unknown>): void {
  const { position, filter, sentFilter } = draft;
  const { seq, data } = frame;
  if (!position || !isInteger(seq) || seq <= position.seq || !isObject(data)) return;
  // With a filter, `seq` skips other products' events; conflated, it skips events too. Otherwise it has no holes.
  if (!(filter || sentFilter || draft.conflate) && seq > position.seq + 1) {
    if (draft.missingAfter !== position.seq) {
      draft.missingAfter = position.seq;
      // The service sends the missing event, and this one again.
      backOff(draft);
      return;
    }
    // Reconnecting did not bring the missing events.
    draft.effects.push({ type: "gap", gap: { from: position, to: { ...position, seq: seq - 1 } } });
  }
  draft.position = { ...position, seq };
  const age = ageOf(draft, frame);
  draft.clockSkewMs = Math.min(draft.clockSkewMs, age);
  draft.lagMs = age - draft.clockSkewMs;
  // Events of removed products arrive until the service knows the new filter.
  const isWanted = !filter || filter.includes(String(data.product_id));
  // Every event has an id, even of a type new to this SDK. Earlier services sent `position` frames, without ids.
  if (isWanted && typeof frame.id === "string")
    // The service validated the event.
    draft.effects.push({ type: "event", event: frame as unknown as ChannelEvent });
}

/**
 * Takes the first frame of a connection, or of an epoch.
 * @param isReplaying Whether the service says that the missed events follow.
 */
export function takeSnapshot(draft: Draft, frame: Established, isReplaying: boolean): void {
  const { epoch, seq } = frame.data;
  const to = { epoch, seq };
  const from = draft.position;
  draft.clockSkewMs = ageOf(draft, frame);
  draft.positionUser = draft.user;
  draft.isRecovered = isReplaying && from?.epoch === epoch;
  // With a filter, the replay may end earlier: the last events may be other products'.
  draft.replayUntil = draft.isRecovered && !draft.filter ? seq : 0;
  if (!draft.isRecovered) {
    draft.position = to;
    if (from) draft.effects.push({ type: "gap", gap: { from, to } });
  }
  draft.effects.push({ type: "snapshot", snapshot: frame.data });
}

/** Our clock minus the frame's timestamp, in milliseconds; 0 without a readable timestamp. */
const ageOf = (draft: Draft, { ts }: { ts?: unknown }) => draft.now - Date.parse(String(ts)) || 0;

interface Established {
  ts?: unknown;
  data: ChannelSnapshot;
}

/** Checks only what the SDK needs. The rest of `data` is for the page. */
export function isEstablished(frame: unknown): frame is Established {
  return isObject(frame) && frame.type === "connection_established" && isPosition(frame.data);
}
