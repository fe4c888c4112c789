/** What the relay offers over RPC, as types alone. */

export interface RelayStatus {
  redis: "healthy" | "unavailable" | "disabled";
  /** Outbox rows waiting for their channels. */
  waiting: number;
  gaps: number;
  deadLetters: number;
}

export interface RelayMetrics extends Omit<RelayStatus, "waiting"> {
  /** Events, read or unread, that their channels have not received; null when Redis does not tell. */
  lagEntries: number | null;
  /** Age of the oldest of them in seconds. */
  lagSeconds: number | null;
}

export interface RelayRpc extends Rpc.DurableObjectBranded {
  /** Reads the stream now and keeps reading while there are listeners. */
  wake(): Promise<void>;
  status(): Promise<RelayStatus>;
  metrics(): Promise<RelayMetrics>;
}
