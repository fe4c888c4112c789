import { orderChannelName, PRODUCTS_CHANNEL, parseChannelName, parseOrderId } from "../../protocol/names.ts";
import { usageError } from "./command-error.ts";

/** A channel's name and its order id, which is null for the products channel. */
export type ChannelRef = NonNullable<ReturnType<typeof parseChannelName>>;

/** Parses a channel's name, or a bare order id. @throws {CommandError} for anything else. */
export function channelArgument(text: string): ChannelRef {
  const orderId = parseOrderId(text);
  const channel = orderId === null ? parseChannelName(text) : { name: orderChannelName(orderId), orderId };
  if (channel) return channel;
  throw usageError(
    `"${text}" is not a channel. It must be ${PRODUCTS_CHANNEL}, order_<order id>, or an order id (a UUID).`,
  );
}

/** Parses an order id, or its channel's name, and returns the id in lower case. @throws {CommandError} */
export function orderIdArgument(text: string): string {
  const orderId = parseOrderId(text) ?? parseChannelName(text)?.orderId;
  if (orderId) return orderId;
  throw usageError(`"${text}" is not an order id. It must be a UUID, such as 123e4567-e89b-12d3-a456-426614174000.`);
}
