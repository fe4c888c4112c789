import { ACK_REQUEST_AFTER_CHARACTERS } from "../../protocol/limits.ts";

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
  /** Objects that serve listeners instead of the channel's own object; 0 when that one serves them itself. */
  shards: number;
}

/** The cost of events, connections and time. Tests count the first group, and those of the second marked as tested. */
export const COUNTS = {
  /** Includes trimming, deduplication and the version. Leaves out one more per 256 product events. */
  rowsPerEvent: 2,
  rowsPerConnection: 0,
  /** To the channel's object. A batch is one call. */
  requestsPerPublishCall: 1,
  requestsPerConnection: 1,
  /** Each costs a row and a request. */
  alarmsPerMinute: 1,
  registries: 6,
  /** Written by all registries together under steady traffic. */
  registryRowsPerDay: 20_000,

  /** Between two reports to a registry (tested). A pending report keeps the channel awake. */
  reportIntervalSeconds: 2,
  /** How long a registry stays awake to combine reports into one save (tested). */
  registrySaveSeconds: 60,
  /** Measured on a machine of two cores. */
  microsecondsPerSend: 30,
  /** An estimate for verification and validation. */
  workerMsPerRequest: 2,
  /** The catalogue's examples of product events have 203 to 260 (tested). */
  charactersPerEvent: 240,
};

export type Counts = Readonly<typeof COUNTS>;

/** The design of shards, which are not built yet. */
export const SHARD_DESIGN = {
  listeners: 4000,
  /** To each shard. A push is one message to a `tidings.v1` listener. */
  maxPushesPerSecond: 4,
  regions: 4,
  /**
   * The share of listeners on a shard other than their product's. Chosen to match the 4.4 pushes of a filtered event in
   * the design.
   */
  misplaced: 0.1,
};

/** Returns a load's rates per second. */
export function ratesOf({ listeners, events, session, batch, filtered, plain, shards }: Load, counts: Counts = COUNTS) {
  const share = filtered ? filtered.products / filtered.of : 1;
  const publishes = events / batch;
  const connects = listeners / (session * 60);
  /** Events received by listeners, summed over them. */
  const deliveries = listeners * events * share;
  const messages = plain ? events * share : publishes * Math.min(1, batch * share);
  const isCoalesced = shards > 0 && !plain;
  const sends = listeners * (isCoalesced ? Math.min(messages, SHARD_DESIGN.maxPushesPerSecond) : messages);
  const sendingSeconds = (sends * counts.microsecondsPerSend) / 1e6;
  // A socket is reported when it opens and when it closes.
  const changes = publishes + 2 * connects;
  const pushes = publishes * interestedShards(listeners, filtered, shards);
  return {
    publishes,
    connects,
    deliveries,
    /** WebSocket messages, each with one or more events. */
    sends,
    acks: plain ? 0 : (deliveries * counts.charactersPerEvent) / ACK_REQUEST_AFTER_CHARACTERS,
    reports: Math.min(changes, 1 / counts.reportIntervalSeconds),
    pushes: Math.min(pushes, shards * SHARD_DESIGN.maxPushesPerSecond),
    /** Seconds that objects are awake. */
    awake: {
      channel: Math.min(1, changes * counts.reportIntervalSeconds + (shards > 0 ? 0 : sendingSeconds)),
      shards: shards > 0 ? sendingSeconds : 0,
      registry: Math.min(1, changes * counts.registrySaveSeconds),
    },
  };
}

/** Returns how many shards an event is pushed to: with filters, those with listeners of its product in each region. */
function interestedShards(listeners: number, filtered: Load["filtered"], shards: number): number {
  if (!filtered) return shards;
  const listenersPerProduct = (listeners * filtered.products) / filtered.of;
  return Math.min(shards, Math.min(SHARD_DESIGN.regions, listenersPerProduct) * (1 + SHARD_DESIGN.misplaced));
}
