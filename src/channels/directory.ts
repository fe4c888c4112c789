import type { Env } from "../config/env.ts";
import { orderChannelName, PRODUCTS_CHANNEL, parseChannelName } from "../protocol/names.ts";

/** Where the objects are: the only place that turns a channel's name into an object's address. */

export function orderStub(env: Env, orderId: string) {
  return env.ORDER_CHANNEL.getByName(orderChannelName(orderId));
}

export function productsStub(env: Env) {
  return env.PRODUCTS_CHANNEL.getByName(PRODUCTS_CHANNEL);
}

/** @returns The object of a channel, or null when the name is none. */
export function channelStub(env: Env, name: string) {
  const channel = parseChannelName(name);
  if (!channel) return null;
  return channel.orderId === null ? productsStub(env) : orderStub(env, channel.orderId);
}

/** How many registries share the channels; as many as one invocation may wait for at a time (Workers platform limits). */
const REGISTRY_SHARDS = 6;

/** The registry that knows a channel. */
export function registryStub(env: Env, channel: string) {
  return registryShard(env, hash(channel) % REGISTRY_SHARDS);
}

/** All registries. */
export function registryStubs(env: Env) {
  return Array.from({ length: REGISTRY_SHARDS }, (_, shard) => registryShard(env, shard));
}

function registryShard(env: Env, shard: number) {
  return env.CHANNEL_REGISTRY.getByName(`registry-${shard}`);
}

/** FNV-1a (RFC 9923, 32 bits): the same for ever, or channels would move to registries that do not know them. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}

export function relayStub(env: Env) {
  return env.STREAM_RELAY.getByName("relay");
}
