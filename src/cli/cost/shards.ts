import {
  LISTENERS_PER_SHARD,
  MAX_LISTENERS_OF_ROOT,
  MAX_SHARD_MESSAGES_PER_SECOND,
  MAX_SHARDS_PER_REGION,
} from "../../protocol/shards.ts";
import type { Load } from "./load.ts";

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
  // In each region, one shard serves the listeners whose first product this is. At other shards, it is a later product.
  const first = listeners / of / regions;
  const others = (listeners * (products - 1)) / of / shards;
  const chanceAtFirstShard = 1 - Math.exp(-first - others);
  const chanceElsewhere = 1 - Math.exp(-others);
  const wanting = regions * chanceAtFirstShard + (shards - regions) * chanceElsewhere;
  return { shards: wanting, joins: 1 - chanceAtFirstShard * (wanting / shards) ** (products - 1) };
}
