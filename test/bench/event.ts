/** The event that every target publishes. */
export function benchEvent(orderId: string, seq: number) {
  const timestamp = "2026-11-22T10:15:30.123456";
  const data = { old_status: "pending", new_status: "processing", timestamp, order_id: orderId };
  return { type: "order_status_changed", id: `bench-${String(seq).padStart(8, "0")}`, data };
}
