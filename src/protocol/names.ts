/** Ids and channel names: their canonical forms, and parsers for untrusted text. */

/** The kinds of channels: one for each order, and one for all products. */
export const CHANNEL_KINDS = ["order", "products"] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** `order_<order id>` or `products`. */
export type ChannelName = `order_${string}` | "products";

export const PRODUCTS_CHANNEL = "products";
export const MAX_EVENT_ID_LENGTH = 128;
export const MAX_PRODUCT_ID_LENGTH = 128;
/** Also bounds the id in a token, which is compared with it. */
export const MAX_USER_ID_LENGTH = 256;
export const MAX_STATUS_LENGTH = 64;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Returns an order id in its canonical lower case, or null for anything but a UUID (RFC 9562, any version). */
export function parseOrderId(text: string): string | null {
  const id = text.toLowerCase();
  return UUID.test(id) ? id : null;
}

/** What a channel's name must be. */
export const CHANNEL_RULE = "must be order_<order id> or products";

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

/** What an event id must be: visible ASCII only, because ids appear in headers and logs. */
export const EVENT_ID_RULE = `must be 1 to ${MAX_EVENT_ID_LENGTH} visible ASCII characters`;
/** The same rule as a regular expression, for documents. */
export const EVENT_ID_PATTERN = `^[!-~]{1,${MAX_EVENT_ID_LENGTH}}$`;
// Marked as pure, so that bundlers drop it where it is unused.
const EVENT_ID = /* @__PURE__ */ new RegExp(EVENT_ID_PATTERN);

/** Returns whether a text is an event id (`EVENT_ID_RULE`). */
export function isEventId(text: string): boolean {
  return EVENT_ID.test(text);
}
