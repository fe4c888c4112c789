/** Ids and channel names: their canonical form, and how they are parsed from outside. */

/** `order_<order id>` or `products`. */
export type ChannelName = `order_${string}` | "products";

export const PRODUCTS_CHANNEL = "products";
export const MAX_EVENT_ID_LENGTH = 128;
export const MAX_PRODUCT_ID_LENGTH = 128;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Returns an order id in its canonical lower case, or null for anything but a UUID (RFC 9562, any version). */
export function parseOrderId(text: string): string | null {
  const id = text.toLowerCase();
  return UUID.test(id) ? id : null;
}

export function orderChannelName(orderId: string): ChannelName {
  return `order_${orderId}`;
}

/** Returns a channel's canonical name and its order id, if it has one; null for anything but a channel name. */
export function parseChannelName(text: string): { name: ChannelName; orderId: string | null } | null {
  if (text === PRODUCTS_CHANNEL) return { name: PRODUCTS_CHANNEL, orderId: null };
  if (!text.startsWith("order_")) return null;
  const orderId = parseOrderId(text.slice("order_".length));
  return orderId === null ? null : { name: orderChannelName(orderId), orderId };
}

/** Returns whether a text is an event id: 1 to 128 visible ASCII characters, because ids appear in headers and logs. */
export function isEventId(text: string): boolean {
  return text.length <= MAX_EVENT_ID_LENGTH && VISIBLE_ASCII.test(text);
}
