/**
 * The catalogue of metrics: type, labels and meaning. Counting, `GET /metrics`, the manual's table, and the checks of
 * the dashboard and alert rules use it. Names follow https://prometheus.io/docs/practices/naming/.
 */

/** Connection durations, from a bounce to a page left open all day. */
const CONNECTION_BUCKETS = [1, 10, 60, 300, 1800, 3600, 14_400, 86_400] as const;
/**
 * From acceptance to the sockets. Most events take less than a millisecond, which the runtime's clock, with its
 * millisecond resolution, shows as 0.
 */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60] as const;

export const METRICS = {
  tidings_connections: { type: "gauge", labels: ["kind"], help: "Open sockets." },
  tidings_channels: { type: "gauge", labels: ["kind"], help: "Channels with listeners." },
  tidings_connections_opened_total: {
    type: "counter",
    labels: ["kind"],
    help: "Sockets accepted as listeners.",
  },
  tidings_connections_closed_total: {
    type: "counter",
    labels: ["kind", "code"],
    help: "Listener sockets closed, by close code. Sockets dropped by a deploy are not counted.",
  },
  tidings_connections_lost_total: {
    type: "counter",
    labels: ["kind"],
    help: "Listener sockets that were gone, without a close event, when their channel was asked. A deploy may be the cause.",
  },
  tidings_connections_refused_total: {
    type: "counter",
    labels: ["reason"],
    help: "Sockets refused before they became listeners, by reason.",
  },
  tidings_connection_duration_seconds: {
    type: "histogram",
    labels: ["kind"],
    buckets: CONNECTION_BUCKETS,
    help: "How long listeners stayed connected.",
  },
  tidings_events_published_total: {
    type: "counter",
    labels: ["type", "via", "key", "outcome"],
    help: "Published events by outcome: applied, duplicate, stale or conflict when their channel processed them; queued or unavailable when it was unreachable or had too much to send.",
  },
  tidings_events_rejected_total: {
    type: "counter",
    labels: ["via", "key"],
    help: "Events that were invalid; in a batch, also those beyond the key's scopes; from Redis, also those whose channel was full.",
  },
  tidings_deliveries_total: {
    type: "counter",
    labels: ["kind"],
    help: "Events sent to listeners, counted once per listener.",
  },
  tidings_publish_to_send_seconds: {
    type: "histogram",
    labels: ["via"],
    buckets: LATENCY_BUCKETS,
    help: "Time from accepting an event (for Redis, from the stream entry's own time) until its channel begins to deliver it. Sending a large broadcast, coalescing and shards are not included.",
  },
  tidings_resumes_total: {
    type: "counter",
    labels: ["kind", "outcome"],
    help: "Reconnects with a position: recovered, or not_recovered when the missed events could not be replayed.",
  },
  tidings_replayed_events_total: {
    type: "counter",
    labels: ["kind"],
    help: "Missed events replayed to reconnecting listeners.",
  },
  tidings_redis_up: {
    type: "gauge",
    labels: [],
    help: "1 while Redis answers, 0 while it does not; absent when Redis is not configured.",
  },
  tidings_relay_lag_entries: {
    type: "gauge",
    labels: [],
    help: "Stream entries that have not reached their channels yet, read or unread.",
  },
  tidings_relay_lag_seconds: {
    type: "gauge",
    labels: [],
    help: "Age of the oldest stream entry that has not reached its channel.",
  },
  tidings_relay_failing_channels: {
    type: "gauge",
    labels: [],
    help: "Channels that have taken no events from the stream for a minute or longer, while events wait for them.",
  },
  tidings_relay_degraded: {
    type: "gauge",
    labels: ["problem"],
    help: "1 while the relay is degraded for a reason other than Redis being unavailable: channels_failing, reading_paused (too much waits, or nothing can be stored) or dead_letters_waiting (they cannot be written).",
  },
  tidings_dead_letters_total: {
    type: "counter",
    labels: [],
    help: "Stream entries that could not be delivered and were moved to the dead-letter stream.",
  },
  tidings_stream_gaps_total: {
    type: "counter",
    labels: [],
    help: "Times the stream lost entries before they were read.",
  },
  tidings_rate_limited_total: {
    type: "counter",
    labels: ["limit", "key"],
    help: "Refusals because of a limit. The limits per key have the publish key's name.",
  },
  tidings_auth_failures_total: {
    type: "counter",
    labels: ["reason"],
    help: "Refused tokens, keys and signatures, by reason.",
  },
  tidings_errors_total: { type: "counter", labels: ["where"], help: "Faults. Each one is also a line in the log." },
} as const satisfies Record<string, Metric>;

export interface Metric {
  type: "counter" | "gauge" | "histogram";
  labels: readonly string[];
  /** Upper bounds, ascending, without +Inf. */
  buckets?: readonly number[];
  /** Plain text ending in a full stop. */
  help: string;
}

export type MetricName = keyof typeof METRICS;
export type CounterName = NameOf<"counter">;
export type GaugeName = NameOf<"gauge">;
export type HistogramName = NameOf<"histogram">;
type NameOf<T extends Metric["type"]> = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends T ? N : never;
}[MetricName];

/** A value for each label of a metric. Prometheus treats a label that is empty as absent. */
export type LabelsOf<N extends MetricName> = Record<(typeof METRICS)[N]["labels"][number], string>;
