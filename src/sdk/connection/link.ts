import type { PageInput } from "./page.ts";
import type { ProductFilter } from "./product-filter.ts";
import type { Tuning } from "./tuning.ts";
import type {
  Connection,
  Gap,
  GetToken,
  OrderEvent,
  OrderSnapshot,
  Position,
  ProductEvent,
  ProductsSnapshot,
  Status,
} from "./types.ts";

/** The seam between the page's `Connection` and its socket, which may be in another tab. */

export type ChannelEvent = OrderEvent | ProductEvent;
export type ChannelSnapshot = OrderSnapshot | ProductsSnapshot;

/** What a link reports. */
export type Output =
  | { type: "event"; event: ChannelEvent }
  | { type: "snapshot"; snapshot: ChannelSnapshot }
  | { type: "gap"; gap: Gap }
  | { type: "status"; status: Status };

export type LinkInput = PageInput | { type: "filter"; filter: ProductFilter };

/** A connection below its public API: one with its own socket (`driver.ts`), or a tab that shares a socket. */
export interface Link extends Omit<Connection, "channel"> {
  /** Takes a new filter, or a change of a page that uses this connection. */
  take(input: LinkInput): void;
}

/** Opens a socket that continues from a position. */
export type OpenLink = (
  position: Position | null,
  wasLive: boolean,
  onOutput: (output: Output) => void,
  getToken?: GetToken,
) => Link;

/** What a `SharedTabs` receives from a connection. */
export interface Share {
  /**
   * Identifies the service, the channel, the filter and whether events are conflated. Connections share a socket only
   * under the same name.
   */
  name: string;
  getToken: GetToken;
  tuning: Partial<Tuning>;
  position: Position | null;
  open: OpenLink;
  onOutput: (output: Output) => void;
}

/** Shares one socket between tabs. `sharedTabs()` from `tidings/client/tabs` returns one. */
export type SharedTabs = (share: Share) => Link;
