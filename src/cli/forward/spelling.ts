import type { RedisConnection } from "../redis/connection.ts";
import { printable } from "../shared/printable.ts";
import { isOrdersChannel, type Mapping } from "./message.ts";

/** Notices channels that are probably misspelt: they have no other subscriber, while other channels have some. */

const MAX_SHOWN = 5;
const ORDER_IDS = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/**
 * Returns a note about each of the mapping's channels that has no subscriber while other channels have some. The original
 * subscribes for each page that it serves, so its channels have subscribers as long as a page is open.
 * @param subscribed The channels with subscribers, without this command's own.
 */
export function doubtsAbout(mapping: Mapping, subscribed: readonly string[]): string[] {
  const isOrders = (channel: string) => isOrdersChannel(mapping, channel);
  const others = subscribed.filter((channel) => channel !== mapping.products && !isOrders(channel));
  // The original has one channel for each order, so name all of them once.
  const names = [...new Set(others.map((channel) => channel.replace(ORDER_IDS, "*")))].sort();
  if (names.length === 0) return [];
  const shown = names.slice(0, MAX_SHOWN).map((name) => printable(JSON.stringify(name)));
  const list = `${shown.join(", ")}${names.length > MAX_SHOWN ? " and others" : ""}`;
  const doubt = (option: string, name: string) =>
    `no other client subscribes to "${name}" now, but some subscribe to ${list}: is ${option} spelt as the publishers spell it?`;
  return [
    ...(subscribed.some(isOrders) ? [] : [doubt("--orders", mapping.orders)]),
    ...(subscribed.includes(mapping.products) ? [] : [doubt("--products", mapping.products)]),
  ];
}

/** Returns the channels with subscribers; none when this Redis user may not list them. @throws {RedisUnavailable} */
export async function subscribedChannels(connection: RedisConnection): Promise<string[]> {
  const [reply] = await connection.run([["PUBSUB", "CHANNELS"]]);
  return Array.isArray(reply) ? reply.map(String) : [];
}
