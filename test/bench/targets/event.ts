import { encodeEventFrame } from "../../../src/protocol/frames.ts";

/** The event that every target publishes. */
export function benchEvent(orderId: string, seq: number) {
  const timestamp = "2026-11-22T10:15:30.123456";
  const data = { old_status: "pending", new_status: "processing", timestamp, order_id: orderId };
  return { type: "order_status_changed", id: `bench-${String(seq).padStart(8, "0")}`, data };
}

const PUBLISH_TIME = Date.parse("2026-11-22T10:15:30.123Z");

/** Returns the text that the service sends for an event, for peers that do not build frames. */
export function benchFrame(orderId: string, seq: number): string {
  const event = benchEvent(orderId, seq);
  return encodeEventFrame({ ...event, data: JSON.stringify(event.data), seq, ts: PUBLISH_TIME });
}
