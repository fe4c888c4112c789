import type { AcceptedEvent } from "../../protocol/publish.ts";

/** An event as the log needs it. */
export type LogEvent = Pick<AcceptedEvent, "id" | "type" | "data" | "productId" | "status" | "request">;

/** An event as it is sent. */
export interface LoggedFrame {
  seq: number;
  productId: string | null;
  /** The frame as text. */
  text: string;
}
