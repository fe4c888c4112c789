import {
  type ChannelName,
  orderChannelName,
  PRODUCTS_CHANNEL,
  parseChannelName,
  parseOrderId,
} from "../protocol/names.ts";
import { usageError } from "./outcome.ts";

export interface Channel {
  name: ChannelName;
  /** Null for the products channel. */
  orderId: string | null;
}

/** What a person may write for a channel: its name, or just an order's id. @throws {CommandError} for anything else. */
export function channelArgument(text: string): Channel {
  const orderId = parseOrderId(text);
  const channel = orderId === null ? parseChannelName(text) : { name: orderChannelName(orderId), orderId };
  if (channel) return channel;
  throw usageError(
    `"${text}" is no channel. It must be ${PRODUCTS_CHANNEL}, order_<order id>, or an order id (a UUID).`,
  );
}

/** An order's id, in lower case. @throws {CommandError} when it is no UUID. */
export function orderIdArgument(text: string): string {
  const { orderId } = channelArgument(text);
  if (orderId !== null) return orderId;
  throw usageError("An order id is needed here: a UUID, such as 123e4567-e89b-12d3-a456-426614174000.");
}

/** Where listeners connect, below the service's URL. */
export function socketPath({ orderId }: Channel): string {
  return orderId === null ? "/api/v1/ws/products" : `/api/v1/ws/orders/${orderId}`;
}

/** Where services publish, below the service's URL. */
export function publishPath({ orderId }: Channel): string {
  return orderId === null ? "/api/v1/publish/products" : `/api/v1/publish/orders/${orderId}`;
}
