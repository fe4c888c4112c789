import {
  DEFAULT_CONNECTIONS_PER_CHANNEL,
  MAX_PLAIN_BYTES_PER_OBJECT_MINUTE,
  RATE_LIMITS,
} from "../../protocol/limits.ts";
import { MAX_SOCKETS_PER_OBJECT } from "../../protocol/platform-limits.ts";
import { COUNTS, type Load, ratesOf, SHARD_DESIGN } from "./load.ts";

/** Requests/s of an object when each parses JSON and writes: the lower end of 500 to 750. */
const MAX_OBJECT_REQUESTS = 500;
/** Half of an object's time; publishes and connections need the rest. */
const MAX_SENDS = 0.5e6 / COUNTS.microsecondsPerSend;
const MAX_CALLS_PER_KEY = RATE_LIMITS.PUBLISHES_PER_KEY.limit / RATE_LIMITS.PUBLISHES_PER_KEY.periodSeconds;

const SOCKETS_REMEDY = `MAX_CONNECTIONS_PER_CHANNEL, at most ${MAX_SOCKETS_PER_OBJECT}; sharding is not built yet`;

/** Returns how much of each limit a load needs, and how to raise it. The limit that growth meets first comes first. */
export function capacitiesFor(load: Load): { what: string; needed: number; limit: number; remedy: string }[] {
  const { listeners, plain, shards } = load;
  const { publishes, connects, deliveries, sends, acks, reports } = ratesOf(load);
  const serving = Math.max(shards, 1);
  const requests = publishes + reports + (shards > 0 ? 0 : connects + acks);
  const plainBytes = plain ? (deliveries * COUNTS.charactersPerEvent * 60) / serving : 0;
  const [maxSockets, remedy] =
    shards > 0 ? [SHARD_DESIGN.listeners, "--shards"] : [DEFAULT_CONNECTIONS_PER_CHANNEL, SOCKETS_REMEDY];

  const rows: [what: string, needed: number, limit: number, remedy: string][] = [
    ["sockets of an object", listeners / serving, maxSockets, remedy],
    ["sends/s of an object", sends / serving, MAX_SENDS, "product filters; for the SDK's listeners, larger batches"],
    ["requests/s to the channel, acknowledgements included", requests, MAX_OBJECT_REQUESTS, "larger batches"],
    ["publish calls/s with one key", publishes, MAX_CALLS_PER_KEY, "larger batches, or more keys in PUBLISH_KEYS"],
    ["bytes/min to plain listeners", plainBytes, MAX_PLAIN_BYTES_PER_OBJECT_MINUTE, "product filters, or the SDK"],
  ];
  return rows
    .filter(([, needed]) => needed > 0)
    .sort(([, a, maxA], [, b, maxB]) => b / maxB - a / maxA)
    .map(([what, needed, limit, remedy]) => ({ what, needed, limit, remedy }));
}
