import type { Env } from "../config.ts";
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

export function registryStub(env: Env) {
  return env.CHANNEL_REGISTRY.getByName("registry");
}

export function relayStub(env: Env) {
  return env.STREAM_RELAY.getByName("relay");
}
