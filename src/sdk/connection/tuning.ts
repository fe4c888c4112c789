/** The times a connection goes by, in milliseconds. */
export interface Tuning {
  /** The first retry comes at a random moment within this time; each further one within twice the time before. */
  firstBackoffMs: number;
  /** … but never more than this. */
  maxBackoffMs: number;
  /** Between two tries that fail, at least this. */
  minRetryMs: number;
  /** Without a network, or in a hidden tab after some tries, a retry takes between half of this and all of it. */
  slowBackoffMs: number;
  /** So long a connection must live after its first frame to count as a success. */
  stableMs: number;
  /** How long a token may take, and then the socket with its first frame. */
  connectTimeoutMs: number;
  /** A `ping` is sent so often; a service closes who never does. */
  heartbeatMs: number;
  /** The connection is dead when nothing came so long after a `ping`. */
  heartbeatTimeoutMs: number;
  /** The same after a device or tab woke up, when somebody is looking. */
  wakeTimeoutMs: number;
  /** A fresh token is fetched so long before the old one ends, but never before half of its life. */
  refreshLeadMs: number;
  /** After so long without being live, what is shown is stale. */
  staleMs: number;
}

export const DEFAULT_TUNING: Tuning = {
  firstBackoffMs: 1000,
  maxBackoffMs: 30_000,
  minRetryMs: 1000,
  slowBackoffMs: 60_000,
  stableMs: 5000,
  connectTimeoutMs: 10_000,
  heartbeatMs: 25_000,
  heartbeatTimeoutMs: 10_000,
  wakeTimeoutMs: 3000,
  refreshLeadMs: 30_000,
  staleMs: 10_000,
};
