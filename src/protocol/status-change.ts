/** Changes to an order's snapshot. Absent fields stay unchanged. */
export interface StatusChange {
  status?: string;
  payment_status?: string;
  tracking_number?: string;
  carrier?: string;
}

/** What decides how an event changes its order: a frame has all of it. */
interface StatusEvent {
  type: string;
  /** Validated. */
  data: Record<string, unknown>;
  /** The status set by an event of a declared type; null or absent if it sets none. */
  status?: string | null | undefined;
}

/** Returns what an event changes in its order's snapshot. */
export function statusChangeOf({ type, data, status }: StatusEvent): StatusChange {
  switch (type) {
    case "order_status_changed":
      return { status: String(data.new_status) };
    case "payment_status_changed":
      return { payment_status: String(data.new_status) };
    case "order_shipped":
      // A later shipment that names no carrier does not take back what an earlier one said.
      return { status: "shipped", ...shipmentFieldOf("tracking_number", data), ...shipmentFieldOf("carrier", data) };
    case "order_delivered":
      return { status: "delivered" };
    case "order_cancelled":
      return { status: "cancelled" };
    default:
      return status ? { status } : {};
  }
}

const shipmentFieldOf = (
  field: "tracking_number" | "carrier",
  { [field]: value }: Record<string, unknown>,
): StatusChange => (typeof value === "string" ? { [field]: value } : {});
