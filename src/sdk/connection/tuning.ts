/** The timings of a connection, in milliseconds. */
export interface Tuning {
  /**
   * Back-off before the first retry: a random delay up to this long. The limit doubles with every failure (full
   * jitter). Default: 1 second.
   */
  firstBackoffMs: number;
  /** The most that the back-off's limit grows to. Default: 30 seconds. */
  maxBackoffMs: number;
  /** The minimum time between the starts of two attempts. The first automatic retry is exempt. Default: 1 second. */
  minRetryMs: number;
  /**
   * Back-off without a network, and in a hidden tab after three failures: a random delay between half of this and all
   * of it. Default: 60 seconds.
   */
  slowBackoffMs: number;
  /** How long a connection must be live to count as a success, which resets the back-off. Default: 5 seconds. */
  stableMs: number;
  /**
   * How long to wait for a token before reporting `no_token`, and then for the first frame before retrying; longer after
   * failures. Default: 10 seconds.
   */
  connectTimeoutMs: number;
  /** The time between two pings. The service closes sockets that stay silent for 10 minutes. Default: 25 seconds. */
  heartbeatMs: number;
  /** How long the socket may stay silent after a `ping` before it counts as dead. Default: 10 seconds. */
  heartbeatTimeoutMs: number;
  /** The same after the device woke up, or the page was resumed or shown again. Default: 3 seconds. */
  wakeTimeoutMs: number;
  /**
   * How long before a token expires to fetch a new one, but never in the first half of its lifetime. Default: 30
   * seconds.
   */
  refreshLeadMs: number;
  /** How long a connection may be down before its status is stale. Default: 10 seconds. */
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
