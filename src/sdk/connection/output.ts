import type { Driver } from "./driver.ts";
import type { Tuning } from "./tuning.ts";
import type { Gap, OrderEvent, OrderSnapshot, Position, ProductEvent, ProductsSnapshot, Status } from "./types.ts";

/** What a connection has to say to the page. */
export type Output =
  | { type: "event"; event: OrderEvent | ProductEvent }
  | { type: "snapshot"; snapshot: OrderSnapshot | ProductsSnapshot }
  | { type: "gap"; gap: Gap }
  /** The position moved past something that the page is not told of. */
  | { type: "position"; position: Position }
  | { type: "status"; status: Status };

/** Opens the one socket of a channel, from a position on. */
export type OpenDriver = (position: Position | null, wasLive: boolean, onOutput: (output: Output) => void) => Driver;

/** What a page can do with a connection, wherever its socket is. */
export interface Link {
  readonly position: Position | null;
  readonly lagMs: number | null;
  close(): void;
  reconnect(): void;
  refreshToken(): void;
  filter(productIds: readonly string[], isAdded: boolean): void;
}

/** Shares the socket of a channel between tabs: what `sharedTabs()` of `tidings/client/tabs` makes. */
export type SharedTabs = (share: {
  /** What is shared: the service, the channel and the filter. */
  name: string;
  getToken: () => Promise<string>;
  tuning: Partial<Tuning>;
  position: Position | null;
  open: OpenDriver;
  onOutput: (output: Output) => void;
}) => Link;
