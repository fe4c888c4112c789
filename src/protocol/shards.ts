import { PRODUCTS_CHANNEL } from "./names.ts";

/** The names of the objects that share the listeners of the products channel with its root. */

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

/** Also the largest value of `PRODUCTS_SHARDS`. */
export const MAX_SHARDS_PER_REGION = 64;

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

/** Returns the channel that an object with sockets belongs to: shards belong to `products`, other objects are channels. */
export function channelOfObject(name: string): string {
  return name.startsWith(`${PRODUCTS_CHANNEL}/`) ? PRODUCTS_CHANNEL : name;
}
