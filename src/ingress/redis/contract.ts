import type { RelayProblem } from "../../protocol/health.ts";

/** What the relay offers over RPC, as types only. */

export interface RelayStatus {
  redis: "healthy" | "unavailable" | "disabled";
  /** Gaps found in the stream so far. */
  gaps: number;
  /** Dead letters written so far. */
  deadLetters: number;
  /** Empty while all is well. */
  problems: RelayProblem[];
  /** How many channels have failed to take their events for a minute or longer. */
  failingChannels: number;
}

export interface RelayMetrics extends RelayStatus {
  /** Entries, read or unread, that have not reached their channels; null when Redis cannot say. */
  lagEntries: number | null;
  /** Age of the oldest of them in seconds. */
  lagSeconds: number | null;
}

export interface RelayRpc extends Rpc.DurableObjectBranded {
  /** Reads the stream now, delivers what waits, and keeps polling while there are listeners. */
  wake(): Promise<void>;
  status(): Promise<RelayStatus>;
  metrics(): Promise<RelayMetrics>;
}
