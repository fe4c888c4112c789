/** A products channel under load. */
export interface Load {
  /** Open sockets. */
  listeners: number;
  /** Published per second. */
  events: number;
  /** Minutes that a socket stays open. */
  session: number;
  /** Events per publish call. */
  batch: number;
  /** The products that each listener asks for, of a catalogue whose products change equally often. */
  filtered?: { products: number; of: number } | undefined;
  /** Whether listeners are plain WebSockets, without `tidings.v1`. */
  plain?: boolean | undefined;
  /** `PRODUCTS_SHARDS`: the number of shards in each region, 0 for the root alone, or `auto`. */
  shards: "auto" | number;
  /** How many regions the listeners are spread over evenly. */
  regions: number;
}

/** What events, connections and time cost. Tests check the first group, and what is marked as tested in the second. */
export const COUNTS = {
  /** At the root; shards write none. Includes trimming, deduplication and the version. */
  rowsPerEvent: 2,
  /** The log stores this many events as one chunk; each chunk costs one more row. */
  eventsPerChunk: 256,
  rowsPerConnection: 0,
  /** To the root. A batch is one call. */
  requestsPerPublishCall: 1,
  /** To the root or a shard. The first request to a Worker that does not know the plan yet costs one more. */
  requestsPerConnection: 1,
  /** Of the root and of each shard. Each costs a row and a request. */
  alarmsPerMinute: 1,
  registries: 6,
  /** Written by all registries together under steady traffic. */
  registryRowsPerDay: 20_000,

  /** Between two reports to a registry, or by a shard to the root (tested). A pending report keeps its object awake, unless it is a shard. */
  reportIntervalSeconds: 2,
  /** How long a registry stays awake to combine reports into one save (tested). */
  registrySaveSeconds: 60,
  /** Measured on a machine of two cores. */
  microsecondsPerSend: 30,
  /** An estimate for verification and validation. */
  workerMsPerRequest: 2,
  /** An estimate for a call to an object in another region. The caller stays awake until the answer. */
  secondsPerCall: 0.1,
  /** The catalogue's examples of product events have 203 to 260 (tested). */
  charactersPerEvent: 240,
};
