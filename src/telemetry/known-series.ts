import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { CHANNEL_KINDS } from "../protocol/names.ts";
import { isSocketRefusal, REFUSALS } from "../protocol/refusals.ts";
import {
  AUTH_FAILURES,
  CLIENT_CLOSE_CODES,
  FAULT_PLACES,
  isLimitPerKey,
  LIMIT_NAMES,
  OTHER_CLOSE_CODE,
} from "./labels.ts";
import type { CounterName, HistogramName } from "./metrics.ts";

/**
 * The series that exist from the start, at 0: those whose label values are all known. Prometheus cannot see the first
 * value of a series that appears later, because `rate` and `increase` compare two values.
 */

/** What a channel does with an event that reaches it. */
const CHANNEL_OUTCOMES = ["applied", "duplicate", "stale", "conflict"];
/** Further outcomes over HTTP: the channel was unreachable or had too much to send. */
const UNDELIVERED_OUTCOMES = ["queued", "unavailable"];

/**
 * Lists the label values of each known series, in the order of the metric's labels.
 * @param types The event types that the service accepts.
 * @param keyNames The names of the publish keys.
 */
export function knownSeries(
  types: readonly string[],
  keyNames: readonly string[],
): Record<CounterName | HistogramName, string[][]> {
  const byKind = CHANNEL_KINDS.map((kind) => [kind]);
  const sources = [["redis", ""], ...keyNames.map((key) => ["http", key])];
  return {
    tidings_connections_opened_total: byKind,
    tidings_connections_closed_total: product(CHANNEL_KINDS, [
      ...Object.keys(CLOSE_CODES),
      ...CLIENT_CLOSE_CODES.map(String),
      OTHER_CLOSE_CODE,
    ]),
    tidings_connections_lost_total: byKind,
    tidings_connections_refused_total: Object.keys(REFUSALS)
      .filter(isSocketRefusal)
      .map((reason) => [reason]),
    tidings_connection_duration_seconds: byKind,
    tidings_events_published_total: sources.flatMap(([via = "", key = ""]) =>
      product(types, [via], [key], via === "http" ? [...CHANNEL_OUTCOMES, ...UNDELIVERED_OUTCOMES] : CHANNEL_OUTCOMES),
    ),
    tidings_events_rejected_total: sources,
    tidings_deliveries_total: byKind,
    tidings_publish_to_send_seconds: [["http"], ["redis"]],
    tidings_resumes_total: product(CHANNEL_KINDS, ["recovered", "not_recovered"]),
    tidings_replayed_events_total: byKind,
    tidings_dead_letters_total: [[]],
    tidings_stream_gaps_total: [[]],
    tidings_rate_limited_total: LIMIT_NAMES.flatMap((limit) =>
      isLimitPerKey(limit) ? product([limit], keyNames) : [[limit, ""]],
    ),
    tidings_auth_failures_total: AUTH_FAILURES.map((reason) => [reason]),
    tidings_errors_total: FAULT_PLACES.map((where) => [where]),
  };
}

/** Combines each value of the first list with each of the others. */
function product(...lists: (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>((rows, list) => rows.flatMap((row) => list.map((value) => [...row, value])), [[]]);
}
