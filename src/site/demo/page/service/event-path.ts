import { orderChannelName, PRODUCTS_CHANNEL } from "../../../../protocol/names.ts";
import { publishPath } from "../../../../protocol/paths.ts";
import type { EventType } from "../../../../sdk/index.ts";
import { catalogue } from "./catalogue.ts";

export const isOrderEvent = (type: EventType) => catalogue[type].channel === "order";

/** Returns the path that publishes events of a type. @param orderId For order events. */
export function eventPath(type: EventType, orderId: string): string {
  return publishPath(isOrderEvent(type) ? orderChannelName(orderId) : PRODUCTS_CHANNEL);
}
