/** An event as the log needs it. */
export interface LogEvent {
  id: string;
  type: string;
  /** JSON text. */
  data: string;
  productId: string | null;
  /** The order status set by an event of a declared type, which is part of its frame; null for any other event. */
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
