import type { EventType } from "../../protocol/event-data.ts";
import { isRecord } from "../../protocol/json.ts";
import { type Draft, emit, sendMessage } from "./draft.ts";
import { NEVER } from "./machine-state.ts";
import { isPosition } from "./position.ts";
import { passes } from "./product-filter.ts";
import { scheduleRefresh } from "./token-refresh.ts";
import type { OrderEvent, OrderSnapshot, ProductEvent, ProductsSnapshot } from "./types.ts";

/** Frames from the service: delivers each event once and in order, and moves the position. */

/** Event types to deliver; a newer service may send others, which are skipped. `satisfies` keeps the list complete. */
const KNOWN_EVENT_TYPES: object = {
  order_status_changed: 1,
  payment_status_changed: 1,
  order_shipped: 1,
  order_delivered: 1,
  order_cancelled: 1,
  product_created: 1,
  product_updated: 1,
  product_deleted: 1,
  inventory_updated: 1,
  price_updated: 1,
  product_status_changed: 1,
} satisfies Record<EventType, 1>;

/** Handles the first frame of a connection. @returns False for any other frame, which is ignored. */
export function receiveFirstFrame(draft: Draft, frame: unknown): boolean {
  if (!isRecord(frame) || !isEstablished(frame)) return false;
  draft.clockSkewMs = ageOf(draft, frame);
  takeSnapshot(draft, frame.data, frame.data.resumed === true);
  return true;
}

/** Handles a frame of a live connection. @returns True, without handling it, if an event before it is missing. */
export function receiveFrame(draft: Draft, frame: unknown): boolean {
  if (!isRecord(frame)) return false;
  const { type, data } = frame;
  // The channel began a new epoch.
  if (isEstablished(frame)) takeSnapshot(draft, frame.data, false);
  else if (type === "ack_request") sendMessage(draft, { type: "ack", seq: draft.position?.seq ?? 0 });
  else if (type === "token_expiring" && isRecord(data)) {
    draft.tokenExpiresAt = Date.parse(String(data.expires_at)) || draft.tokenExpiresAt;
    if (draft.refreshBy === NEVER) scheduleRefresh(draft, draft.now);
  } else return receiveEvent(draft, frame);
  return false;
}

function receiveEvent(draft: Draft, frame: Record<string, unknown>): boolean {
  const { position, filter, sentFilter } = draft;
  const { type, seq, data } = frame;
  if (!position || typeof seq !== "number" || seq <= position.seq || !isRecord(data)) return false;
  // With a filter, `seq` skips other products' events. Otherwise it has no holes.
  if (!filter && !sentFilter && seq > position.seq + 1) {
    if (draft.missingAfter !== position.seq) {
      draft.missingAfter = position.seq;
      return true;
    }
    // The missing events did not arrive after a reconnect either.
    emit(draft, { type: "gap", gap: { from: position, to: { ...position, seq: seq - 1 } } });
  }
  draft.position = { ...position, seq };
  const age = ageOf(draft, frame);
  draft.clockSkewMs = Math.min(draft.clockSkewMs, age);
  draft.lagMs = age - draft.clockSkewMs;
  const isDelivered = passes(filter, data.product_id) && Object.hasOwn(KNOWN_EVENT_TYPES, String(type));
  // The service validated the event against the catalogue.
  const event = frame as unknown as OrderEvent | ProductEvent;
  emit(draft, isDelivered ? { type: "event", event } : { type: "position", position: draft.position });
  return false;
}

/** @param isReplaying Whether the service says that the missed events follow. */
function takeSnapshot(draft: Draft, snapshot: OrderSnapshot | ProductsSnapshot, isReplaying: boolean): void {
  const { epoch, seq } = snapshot;
  const from = draft.position;
  draft.isRecovered = isReplaying && from?.epoch === epoch;
  // With a filter, the last replayed event may have any `seq`.
  draft.replayUntil = draft.isRecovered && !draft.filter ? seq : 0;
  if (!draft.isRecovered) {
    const to = { epoch, seq };
    draft.position = to;
    if (from) emit(draft, { type: "gap", gap: { from, to } });
  }
  emit(draft, { type: "snapshot", snapshot });
}

/** Our clock minus the frame's timestamp, in milliseconds; 0 without a readable timestamp. */
const ageOf = (draft: Draft, { ts }: Record<string, unknown>) => draft.now - Date.parse(String(ts)) || 0;

/** Checks only the fields that the SDK uses. */
function isEstablished(
  frame: Record<string, unknown>,
): frame is { type: string; ts: unknown; data: OrderSnapshot | ProductsSnapshot } {
  return frame.type === "connection_established" && isPosition(frame.data);
}
