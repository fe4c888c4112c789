import type { ChannelKind } from "../protocol/names.ts";
import type { CounterSnapshot } from "../telemetry/counters.ts";

/** What a registry offers over RPC, as types only. */

/** Listener counts by channel name; channels without listeners are absent. */
export type ChannelCounts = Record<string, number>;

/** Channels that have listeners, and their connections, by kind of channel. */
export type Totals = Record<ChannelKind, { channels: number; connections: number }>;

/** One registry's share of the service. */
export interface Overview {
  /** Independent of how many channels are listed. */
  kinds: Totals;
  /** The products, and the first orders, at most as many as requested. */
  channels: ChannelCounts;
}

export interface RegistryRpc extends Rpc.DurableObjectBranded {
  /**
   * Records the number of listeners of a channel's object or a shard, and adds what it has counted since its last report.
   * Returns when the last stream gap was found, in milliseconds since 1970; 0 when there was none.
   */
  report(name: string, listeners: number, counted: CounterSnapshot): Promise<number>;
  /** Adds what was counted outside channels. */
  addCounts(counted: CounterSnapshot): Promise<void>;
  /** Returns whether any channel has listeners. */
  hasListeners(): Promise<boolean>;
  /**
   * Starts a new epoch in every channel that has listeners, because the stream lost entries. Other channels learn of
   * the gap from their next report. Throws when some channels could not be notified; a repeat retries them, and after an
   * eviction may notify all again.
   * `gapAt` is in milliseconds since 1970.
   */
  notifyGap(gapAt: number): Promise<void>;
  /** Returns the totals, and the listeners of the products and of at most `maxOrders` orders. */
  overview(maxOrders: number): Promise<Overview>;
  /** Returns everything counted so far and the current totals. */
  metrics(): Promise<{ counted: CounterSnapshot; kinds: Totals }>;
}
