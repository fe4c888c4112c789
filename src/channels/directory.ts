import type { Env } from "../config/env.ts";
import { inJurisdiction } from "../config/jurisdiction.ts";
import { orderChannelName, PRODUCTS_CHANNEL, parseChannelName } from "../protocol/names.ts";

/** The addresses of channel objects: no other module turns a channel's name into a stub. */

export function orderStub(env: Env, orderId: string) {
  return inJurisdiction(env, env.ORDER_CHANNEL).getByName(orderChannelName(orderId));
}

export function productsStub(env: Env) {
  return inJurisdiction(env, env.PRODUCTS_CHANNEL).getByName(PRODUCTS_CHANNEL);
}

/** Returns the object of a channel, or null when `name` is not a channel name. */
export function channelStub(env: Env, name: string) {
  const channel = parseChannelName(name);
  if (!channel) return null;
  return channel.orderId === null ? productsStub(env) : orderStub(env, channel.orderId);
}
