import { PRODUCTS_CHANNEL } from "./names.ts";

/** The objects that share the listeners of the products channel with its root: their names, and how many there are. */

/** The regions that shards are in: the location hints of Durable Objects (Durable Objects, data location). */
export const REGIONS = [
  "wnam",
  "enam",
  "sam",
  "weur",
  "eeur",
  "apac",
  "apac-ne",
  "apac-se",
  "oc",
  "afr",
  "me",
] as const;
export type Region = (typeof REGIONS)[number];

/**
 * Also the largest value of `PRODUCTS_SHARDS`. These shards have room for 256,000 sockets in one region, more than the
 * 100,000 listeners that one root is designed to push to. At most 100, because `parseShardName` reads two digits.
 */
export const MAX_SHARDS_PER_REGION = 64;

/** Up to this many listeners, `PRODUCTS_SHARDS=auto` uses no shards: the root can serve as many as a shard. */
export const MAX_LISTENERS_OF_ROOT = 4000;
/**
 * How many listeners `auto` plans for each shard. A shard takes more before it is full, because clients are spread by a
 * hash of their product or user: unevenly.
 */
export const LISTENERS_PER_SHARD = 2500;
/** A shard with this many sockets is full: a message to each at every push, four a second, takes half of its time. */
export const MAX_SHARD_SOCKETS = 4000;
/** A shard that sends this many messages is full as well: each takes about 30 µs, so these take half of its time. */
export const MAX_SHARD_MESSAGES_PER_SECOND = 16_667;
/** Time between pushes of the root to a shard: what is published meanwhile is pushed together. */
export const PUSH_INTERVAL_MS = 250;

/** `products/<region>/<index>`; the first index is 0. */
export type ShardName = `products/${Region}/${number}`;

export function shardName(region: Region, index: number): ShardName {
  return `products/${region}/${index}`;
}

/** Returns a shard's region and index, or null for anything but the canonical name of a shard. */
export function parseShardName(text: string): { name: ShardName; region: Region; index: number } | null {
  const [, place, digits] = /^products\/([a-z-]+)\/(0|[1-9]\d?)$/.exec(text) ?? [];
  const region = REGIONS.find((region) => region === place);
  const index = Number(digits);
  return region && index < MAX_SHARDS_PER_REGION ? { name: shardName(region, index), region, index } : null;
}

/** Returns a shard's region, and its index there. @throws if the text is not the name of a shard. */
export function placeOf(name: ShardName): { region: Region; index: number } {
  const place = parseShardName(name);
  if (!place) throw new Error("not the name of a shard");
  return place;
}

/** Returns the channel that an object with sockets belongs to: shards belong to `products`, other objects are channels. */
export function channelOfObject(name: string): string {
  return name.startsWith(`${PRODUCTS_CHANNEL}/`) ? PRODUCTS_CHANNEL : name;
}
