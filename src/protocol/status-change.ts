/** Changes to an order's snapshot. Absent fields stay unchanged. */
export interface StatusChange {
  status?: string;
  payment_status?: string;
  tracking_number?: string;
  carrier?: string;
}

/** The fields that decide how an event changes its order. A frame has all of them. */
interface StatusEvent {
  type: string;
  /** Validated. */
  data: Record<string, unknown>;
  /** The status that an `EXTRA_EVENTS` type with `+status` sets; null or absent if it sets none. */
  status?: string | null | undefined;
}

/** Returns an event's changes to its order's snapshot. */
export function statusChangeOf({ type, data, status }: StatusEvent): StatusChange {
  switch (type) {
    case "order_status_changed":
      return { status: String(data.new_status) };
    case "payment_status_changed":
      return { payment_status: String(data.new_status) };
    case "order_shipped":
      // A later shipment without a carrier keeps the carrier of an earlier one.
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
