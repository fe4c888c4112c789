/** What the log needs to know of an event. */
export interface LogEvent {
  id: string;
  type: string;
  /** JSON text. */
  data: string;
  productId: string | null;
  /** Set for the frame of an event of the shop's own that changes the order's status. */
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
