/**
 * Every metric of `GET /metrics`: its type, labels and meaning. Counting, the answer, README's table and the checks of
 * the dashboard and the alert rules read this. Names follow https://prometheus.io/docs/practices/naming/.
 */

/** Durations of connections: a bounce, a look, a visit, a day with the page open. */
const CONNECTION_BUCKETS = [1, 10, 60, 300, 1800, 3600, 14_400, 86_400] as const;
/** From the door to the socket: the runtime's clock counts milliseconds. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60] as const;

export const METRICS = {
  tidings_connections: { type: "gauge", labels: ["kind"], help: "Sockets that are open now." },
  tidings_channels: { type: "gauge", labels: ["kind"], help: "Channels that somebody listens to now." },
  tidings_connections_opened_total: {
    type: "counter",
    labels: ["kind"],
    help: "Sockets that became listeners.",
  },
  tidings_connections_closed_total: {
    type: "counter",
    labels: ["kind", "code"],
    help: "Listeners' sockets that closed, by close code. A deploy drops sockets without a word: they are not here.",
  },
  tidings_connections_refused_total: {
    type: "counter",
    labels: ["reason"],
    help: "Sockets that were closed before they became listeners.",
  },
  tidings_connection_duration_seconds: {
    type: "histogram",
    labels: ["kind"],
    buckets: CONNECTION_BUCKETS,
    help: "How long listeners stayed.",
  },
  tidings_events_published_total: {
    type: "counter",
    labels: ["type", "via", "key", "outcome"],
    help: "Events that reached their channel (applied, duplicate, stale, conflict), or did not (queued, unavailable), by way in and publish key.",
  },
  tidings_events_rejected_total: {
    type: "counter",
    labels: ["via", "key"],
    help: "Events that did not pass the checks at the door, by way in and publish key.",
  },
  tidings_deliveries_total: { type: "counter", labels: ["kind"], help: "Events sent to listeners, one each." },
  tidings_publish_to_send_seconds: {
    type: "histogram",
    labels: ["via"],
    buckets: LATENCY_BUCKETS,
    help: "From the door, or the stream entry's own time, to the sockets.",
  },
  tidings_resumes_total: {
    type: "counter",
    labels: ["kind", "outcome"],
    help: "Listeners that came back with a position: recovered, or not_recovered because history does not reach back.",
  },
  tidings_replayed_events_total: {
    type: "counter",
    labels: ["kind"],
    help: "Missed events sent to listeners that came back.",
  },
  tidings_redis_up: {
    type: "gauge",
    labels: [],
    help: "1 while Redis answers, 0 while it does not; absent without Redis.",
  },
  tidings_relay_lag_entries: {
    type: "gauge",
    labels: [],
    help: "Events in the stream, or read from it, that their channels do not have yet.",
  },
  tidings_relay_lag_seconds: { type: "gauge", labels: [], help: "How long the oldest of them has waited." },
  tidings_dead_letters_total: {
    type: "counter",
    labels: [],
    help: "Stream entries that nobody could deliver.",
  },
  tidings_stream_gaps_total: {
    type: "counter",
    labels: [],
    help: "Times that entries were gone from the stream before they were read.",
  },
  tidings_rate_limited_total: {
    type: "counter",
    labels: ["limit", "key"],
    optional: ["key"],
    help: "Refusals because of a limit; of publishes_per_key, with the publish key.",
  },
  tidings_auth_failures_total: {
    type: "counter",
    labels: ["reason"],
    help: "Tokens, keys and signatures that were refused, by what was wrong with them.",
  },
  tidings_errors_total: { type: "counter", labels: ["where"], help: "Faults, each of them in the log." },
} as const satisfies Record<string, Metric>;

export interface Metric {
  type: "counter" | "gauge" | "histogram";
  labels: readonly string[];
  /** Those that not every series has a value for; it is empty then, which to Prometheus is the same as no label. */
  optional?: readonly string[];
  /** Upper bounds, ascending, without +Inf. */
  buckets?: readonly number[];
  /** One sentence. */
  help: string;
}

export type MetricName = keyof typeof METRICS;
export type CounterName = NameOf<"counter">;
export type GaugeName = NameOf<"gauge">;
export type HistogramName = NameOf<"histogram">;
type NameOf<T extends Metric["type"]> = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends T ? N : never;
}[MetricName];

/** A value for every label of a metric. */
export type LabelsOf<N extends MetricName> = Record<Exclude<LabelOf<N>, OptionalLabelOf<N>>, string> &
  Partial<Record<OptionalLabelOf<N>, string>>;
type LabelOf<N extends MetricName> = (typeof METRICS)[N]["labels"][number];
type OptionalLabelOf<N extends MetricName> = Extract<
  (typeof METRICS)[N],
  { optional: readonly string[] }
>["optional"][number];

/** The kind of a channel, as the label `kind` has it. */
export type Kind = "order" | "products";
