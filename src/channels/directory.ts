import type { Env } from "../config/env.ts";
import { inJurisdiction } from "../config/jurisdiction.ts";
import { orderChannelName, PRODUCTS_CHANNEL, parseChannelName } from "../protocol/names.ts";
import { parseShardName, placeOf, type ShardName } from "../protocol/shards.ts";

/** The addresses of channel objects: no other module turns a channel's name into a stub. */

export function orderStub(env: Env, orderId: string) {
  return inJurisdiction(env, env.ORDER_CHANNEL).getByName(orderChannelName(orderId));
}

export function productsStub(env: Env) {
  return inJurisdiction(env, env.PRODUCTS_CHANNEL).getByName(PRODUCTS_CHANNEL);
}

/** Returns a shard of the products channel. Its region is part of its name, so it is placed there when it is created. */
export function shardStub(env: Env, name: ShardName) {
  return inJurisdiction(env, env.PRODUCTS_SHARD).getByName(name, { locationHint: placeOf(name).region });
}

/** Returns the object with sockets of that name: a channel or a shard; null for any other name. */
export function socketObjectStub(env: Env, name: string) {
  const shard = parseShardName(name);
  return shard ? shardStub(env, shard.name) : channelStub(env, name);
}

/** Returns the object of a channel, or null when `name` is not a channel name. */
export function channelStub(env: Env, name: string) {
  const channel = parseChannelName(name);
  if (!channel) return null;
  return channel.orderId === null ? productsStub(env) : orderStub(env, channel.orderId);
}
