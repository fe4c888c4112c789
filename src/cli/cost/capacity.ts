import {
  DEFAULT_CONNECTIONS_PER_CHANNEL,
  MAX_PLAIN_BYTES_PER_OBJECT_MINUTE,
  RATE_LIMITS,
} from "../../protocol/limits.ts";
import { MAX_CONCURRENT_CALLS } from "../../protocol/platform-limits.ts";
import { MAX_SHARD_MESSAGES_PER_SECOND, MAX_SHARD_SOCKETS, MAX_SHARDS_PER_REGION } from "../../protocol/shards.ts";
import { COUNTS, type Load } from "./load.ts";
import { ratesOf } from "./rates.ts";

/**
 * Requests/s of an object. Cloudflare gives 500 to 750 for requests that parse and validate, 200 to 500 for those that also
 * write (Rules of Durable Objects).
 */
const MAX_OBJECT_REQUESTS = 500;
const MAX_CALLS_PER_KEY = RATE_LIMITS.PUBLISHES_PER_KEY.limit / RATE_LIMITS.PUBLISHES_PER_KEY.periodSeconds;
/** The root waits for the answer to each push. At this limit its pushes become fewer and larger. */
const MAX_ANSWERED_PUSHES = MAX_CONCURRENT_CALLS / COUNTS.secondsPerCall;

type Capacity = [what: string, needed: number, limit: number, remedy: string];

/** Returns how much of each limit a load needs and how to raise it, the nearest limit first. */
export function capacitiesFor(load: Load) {
  const rates = ratesOf(load);
  const { publishes, connects, deliveries, acks, shards, pushes, joins, countReports } = rates;
  const serving = Math.max(shards, 1);
  const requests = publishes + (shards > 0 ? joins + countReports : connects + acks);
  const plainBytes = load.plain ? (deliveries * COUNTS.charactersPerEvent * 60) / serving : 0;
  // `auto` adds shards for sockets and sends, but not for the bytes of plain listeners.
  const moreShards = load.shards === "auto" && shards > 0 ? "" : "more shards (PRODUCTS_SHARDS), ";

  const rows: Capacity[] = [
    socketsOf(load),
    [
      "sends/s of an object",
      rates.sends / serving,
      MAX_SHARD_MESSAGES_PER_SECOND,
      `${moreShards}product filters; for the SDK's listeners, larger batches`,
    ],
    ["requests/s to the root", requests, MAX_OBJECT_REQUESTS, "larger batches, longer sessions"],
    [
      `pushes/s of the root, ${MAX_CONCURRENT_CALLS} at a time, ${COUNTS.secondsPerCall} s each`,
      pushes,
      MAX_ANSWERED_PUSHES,
      "larger batches, product filters, fewer shards (PRODUCTS_SHARDS); beyond it, events arrive later",
    ],
    ["publish calls/s with one key", publishes, MAX_CALLS_PER_KEY, "larger batches, or more keys in PUBLISH_KEYS"],
    [
      "bytes/min of an object to plain listeners",
      plainBytes,
      MAX_PLAIN_BYTES_PER_OBJECT_MINUTE,
      "more shards (PRODUCTS_SHARDS), product filters, or the SDK",
    ],
  ];
  return rows
    .filter(([, needed]) => needed > 0)
    .sort(([, a, maxA], [, b, maxB]) => b / maxB - a / maxA)
    .map(([what, needed, limit, remedy]) => ({ what, needed, limit, remedy }));
}

/** The sockets of the root, or of all shards that a region may have. */
function socketsOf({ listeners, shards, regions }: Load): Capacity {
  if (shards === 0) return ["sockets of the root", listeners, DEFAULT_CONNECTIONS_PER_CHANNEL, "PRODUCTS_SHARDS=auto"];
  const perRegion = shards === "auto" ? MAX_SHARDS_PER_REGION : shards;
  const remedy =
    shards === "auto"
      ? `cannot be raised: a region has at most ${MAX_SHARDS_PER_REGION} shards`
      : "PRODUCTS_SHARDS=auto, or a higher number";
  return ["sockets of a region's shards", listeners / regions, perRegion * MAX_SHARD_SOCKETS, remedy];
}
