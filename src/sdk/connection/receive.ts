import type { EventType } from "../../protocol/event-data.ts";
import { type Draft, send } from "./draft.ts";
import type { OrderEvent, OrderSnapshot, ProductEvent, ProductsSnapshot } from "./types.ts";

/** What a frame does to a connection: every event once, in order, and the position kept. */

/** The types that are passed on; those of a newer service are not. The compiler compares them with the catalogue. */
const KNOWN: object = {
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
/**
 * Takes one frame.
 * @returns What has to follow: it is the `established` first frame, a token is `expiring`, or there is a `hole`.
 */
export function receive(d: Draft, frame: unknown): "established" | "expiring" | "hole" | undefined {
  const { s, now, effects } = d;
  if (!isRecord(frame)) return;
  const { type, seq, ts, data } = frame;
  const isFirst = s.phase === "opening";
  const age = now - Date.parse(String(ts)) || 0;
  if (type === "connection_established" && isSnapshot(data)) {
    if (isFirst) s.skewMs = age;
    takePosition(d, data);
    return isFirst ? "established" : undefined;
  }
  if (isFirst || !s.position) return;
  if (type === "token_expiring" && isRecord(data)) {
    s.tokenEnds = Date.parse(String(data.expires_at)) || s.tokenEnds;
    return "expiring";
  }
  if (type === "ack_request") {
    send(d, JSON.stringify({ type: "ack", seq: s.position.seq }));
    return;
  }
  if (typeof seq !== "number" || seq <= s.position.seq || !isRecord(data)) return;
  // A filter leaves events out; otherwise there is no hole, unless something is wrong. When coming back did not help,
  // the events are gone.
  if (!s.products && !s.openedWith && seq > s.position.seq + 1) {
    if (s.holeAfter !== s.position.seq) {
      s.holeAfter = s.position.seq;
      return "hole";
    }
    effects.push({ type: "gap", gap: { from: s.position, to: { ...s.position, seq: seq - 1 } } });
  }
  s.position = { ...s.position, seq };
  s.skewMs = Math.min(s.skewMs, age);
  s.lagMs = age - s.skewMs;
  const isWanted = !s.products || s.products.includes(String(data.product_id));
  if (isWanted && Object.hasOwn(KNOWN, String(type)))
    // The service checked it against the catalogue.
    effects.push({ type: "event", event: frame as unknown as OrderEvent | ProductEvent });
  else effects.push({ type: "position", position: s.position });
  return;
}

function takePosition({ s, effects }: Draft, snapshot: OrderSnapshot | ProductsSnapshot): void {
  const { epoch, seq, resumed } = snapshot;
  const from = s.position;
  const isResumed = s.phase === "opening" && resumed === true && from?.epoch === epoch;
  s.isRecovered = isResumed;
  // With a filter, nobody knows which event is the last one to be replayed.
  s.replayUntil = isResumed && !s.products ? seq : 0;
  if (!isResumed) {
    const to = { epoch, seq };
    s.position = to;
    // The first frame of all says where to begin; any other one that does not go on from there is a gap.
    if (from) effects.push({ type: "gap", gap: { from, to } });
  }
  effects.push({ type: "snapshot", snapshot });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Whether it has a position; the rest of it is the page's to show. */
function isSnapshot(data: unknown): data is OrderSnapshot | ProductsSnapshot {
  return isRecord(data) && typeof data.epoch === "string" && Number.isSafeInteger(data.seq);
}
