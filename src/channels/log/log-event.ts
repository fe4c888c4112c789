/** An event as the log needs it. */
export interface LogEvent {
  id: string;
  type: string;
  /** JSON text. */
  data: string;
  productId: string | null;
  /** The order status that an `EXTRA_EVENTS` type with `+status` sets; sent in the frame. Null for any other event. */
  status: string | null;
  /** The publish's `version` and `order` as JSON text; null without either. */
  request: string | null;
}

/** An event as it is sent. */
export interface LoggedFrame {
  seq: number;
  productId: string | null;
  /** The frame as text. */
  text: string;
}
