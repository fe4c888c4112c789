import { ACK_REQUEST_AFTER_CHARACTERS, COALESCED_MESSAGES_PER_SECOND } from "../../protocol/limits.ts";
import {
  LISTENERS_PER_SHARD,
  MAX_LISTENERS_OF_ROOT,
  MAX_SHARD_MESSAGES_PER_SECOND,
  MAX_SHARDS_PER_REGION,
  PUSH_INTERVAL_MS,
} from "../../protocol/shards.ts";
import { COUNTS, type Load } from "./load.ts";

/** To each shard. A push is one message to a `tidings.v1` listener. */
const MAX_PUSHES_PER_SECOND = 1000 / PUSH_INTERVAL_MS;

/** Returns a load's rates per second. */
export function ratesOf(load: Load) {
  const { listeners, events, session, batch, filtered, plain } = load;
  const share = filtered ? filtered.products / filtered.of : 1;
  const publishes = events / batch;
  const connects = listeners / (session * 60);
  // A socket is reported when it opens and when it closes.
  const changes = 2 * connects;
  /** Events received by listeners, summed over them. */
  const deliveries = listeners * events * share;
  /** WebSocket messages, each with one or more events. */
  const sends = listeners * (plain ? events * share : messagesWith(share, load, COALESCED_MESSAGES_PER_SECOND));
  const sendingSeconds = (sends * COUNTS.microsecondsPerSend) / 1e6;

  const shards = shardsFor(load, sends);
  const interest = interestOf(load, shards);
  const pushesEach = shards > 0 ? messagesWith(interest.shards / shards, load, MAX_PUSHES_PER_SECOND) : 0;
  const pushes = shards * pushesEach;
  const joins = connects * interest.joins;

  // Changes that each object reports to its registry. At the root, a shard's answer to a push is one.
  const rootChanges = publishes + (shards > 0 ? pushes : changes);
  const shardChanges = shards > 0 ? changes / shards : 0;
  const reported = (rate: number) => Math.min(rate, 1 / COUNTS.reportIntervalSeconds);
  const rootReports = reported(rootChanges);
  const shardReports = reported(shardChanges);
  // Each shard reports its number of listeners to the root as well.
  const countReports = shardReports;
  const registries = Math.min(COUNTS.registries, 1 + shards);

  const reporting = (rate: number) => waitingShare(rate, COUNTS.reportIntervalSeconds);
  const rootCalls = (rootReports + pushes) * COUNTS.secondsPerCall;
  const shardCalls = (shardReports + countReports + joins / Math.max(shards, 1)) * COUNTS.secondsPerCall;
  const shardSends = shards > 0 ? sendingSeconds / shards : 0;
  return {
    publishes,
    connects,
    deliveries,
    sends,
    acks: plain ? 0 : (deliveries * COUNTS.charactersPerEvent) / ACK_REQUEST_AFTER_CHARACTERS,
    shards,
    pushes,
    /** Shards that ask the root for a connection's products. */
    joins,
    /** Reports of shards to the root. */
    countReports: shards * countReports,
    /** All reports: those, and each object's to its registry. */
    reports: rootReports + shards * (shardReports + countReports),
    /** Registries that objects report to. */
    registries,
    /** The share of the time that the root, each shard and each registry are awake. */
    awake: {
      root: Math.min(1, reporting(rootChanges) + rootCalls + (shards > 0 ? 0 : sendingSeconds)),
      // A shard does not wait: what comes too early is reported with what happens next.
      shard: Math.min(1, shardCalls + shardSends),
      registry: waitingShare((rootReports + shards * shardReports) / registries, COUNTS.registrySaveSeconds),
    },
  };
}

/**
 * Returns how many shards serve a load once it is steady; 0 when the root serves it alone.
 * @param sends Messages per second, to all listeners.
 */
export function shardsFor({ listeners, shards, regions }: Load, sends: number): number {
  if (shards !== "auto") return shards * regions;
  if (listeners <= MAX_LISTENERS_OF_ROOT) return 0;
  const forListeners = Math.ceil(listeners / regions / LISTENERS_PER_SHARD);
  // A shard that sends too much is full, and the plan adds one when all are.
  const forSends = Math.ceil(sends / regions / MAX_SHARD_MESSAGES_PER_SECOND);
  return regions * Math.min(Math.max(forListeners, forSends), MAX_SHARDS_PER_REGION);
}

/**
 * Returns how many shards the root pushes an event to on average, and for what share of the connections a shard asks the
 * root first, because it does not receive their products yet. Assumes that every product is requested equally often, and that
 * the root has been awake for long enough to know what each shard needs.
 */
export function interestOf({ listeners, filtered, regions }: Load, shards: number): { shards: number; joins: number } {
  if (shards === 0) return { shards: 0, joins: 0 };
  if (!filtered) return { shards, joins: 0 };
  const { products, of } = filtered;
  // In each region, listeners whose first product this one is share a shard. At other shards, it can only be a later
  // product of a listener.
  const first = listeners / of / regions;
  const others = (listeners * (products - 1)) / of / shards;
  const chanceAtFirstShard = 1 - Math.exp(-first - others);
  const chanceElsewhere = 1 - Math.exp(-others);
  const wanting = regions * chanceAtFirstShard + (shards - regions) * chanceElsewhere;
  return { shards: wanting, joins: 1 - chanceAtFirstShard * (wanting / shards) ** (products - 1) };
}

/** Returns how many messages per second contain a wanted event. @param probability That an event is wanted. */
function messagesWith(probability: number, { events, batch }: Load, max: number): number {
  return Math.min((events / batch) * Math.min(1, batch * probability), max);
}

/**
 * Returns the share of the time that an object has a change pending. It handles a change at once, collects further
 * changes for `seconds`, then handles those together. Changes arrive at random.
 */
function waitingShare(changesPerSecond: number, seconds: number): number {
  if (changesPerSecond === 0) return 0;
  const hasChange = -Math.expm1(-changesPerSecond * seconds);
  const waiting = Math.max(seconds - hasChange / changesPerSecond, 0);
  return waiting / (seconds + (1 - hasChange) / changesPerSecond);
}
