import type { CounterSnapshot } from "../telemetry/counters.ts";
import type { Kind } from "../telemetry/metrics.ts";

/** What a registry offers over RPC, as types alone. */

/** Listener counts by channel name; channels without listeners are absent. */
export type ChannelCounts = Record<string, number>;

/** One registry's share of the service. */
export interface Overview {
  /** Totals by kind, independent of how many channels are listed. */
  kinds: Record<Kind, { channels: number; connections: number }>;
  /** The first channels, at most as many as requested. */
  channels: ChannelCounts;
}

export interface RegistryRpc extends Rpc.DurableObjectBranded {
  /**
   * Records a channel's listener count and what it has counted since its last report.
   * Returns when the last stream gap was found, in milliseconds since 1970; 0 when there was none.
   */
  report(channel: string, count: number, counted: CounterSnapshot): Promise<number>;
  /** Adds what was counted outside channels. */
  add(counted: CounterSnapshot): Promise<void>;
  /** Returns whether any channel has listeners. */
  isHeard(): Promise<boolean>;
  /** Notifies channels of a gap in the stream. Throws when one could not be notified; a repeat retries only those. */
  gap(gapAt: number): Promise<void>;
  overview(maxChannels: number): Promise<Overview>;
  /** Returns everything counted so far and the current totals. */
  metrics(): Promise<{ counted: CounterSnapshot; kinds: Overview["kinds"] }>;
}
