import { parseExactJson } from "../../protocol/exact-json.ts";
import { isRecord, valueAt } from "../../protocol/json.ts";
import { type ChannelName, orderChannelName, PRODUCTS_CHANNEL, parseOrderId } from "../../protocol/names.ts";
import { MAX_BATCH_BYTES, type OutgoingEvent } from "../../protocol/publish-call.ts";
import { findUnsafeValue } from "../../protocol/validation.ts";

/** Turns pub/sub messages into events. Pure. */

/** How messages are to be read. */
export interface Mapping {
  /** The channels of orders, with `*` in place of the order id; without `*`, one channel for all orders. */
  orders: string;
  /** The channel of the products. */
  products: string;
  /** With one channel for all orders: the message's field with the order id, as a path such as `data.order_id`. */
  orderField: string;
  /** The message's field with the event's type. */
  typeField: string;
  /** The message's field with the event's data; null when the message's other fields are the data. */
  dataField: string | null;
}

type ReadMessage = { ok: true; event: OutgoingEvent } | { ok: false; reason: string };

/**
 * Reads a message. The service validates the event, because only the service knows the shop's extra event types.
 * @returns The event under a new id, or one line that says why the message is not an event, without its content.
 */
export function readMessage(mapping: Mapping, channel: string, message: Uint8Array): ReadMessage {
  if (message.length > MAX_BATCH_BYTES) return bad(`is larger than ${MAX_BATCH_BYTES} bytes`);
  const text = textOf(message);
  if (text === null) return bad("contains bytes that are not UTF-8");
  const body = parse(text);
  if (!isRecord(body)) return bad("is not a JSON object");

  const { typeField, dataField } = mapping;
  const type = valueAt(body, [typeField]);
  if (typeof type !== "string") return bad(`${typeField} must be text`);
  const others = () => Object.fromEntries(Object.entries(body).filter(([name]) => name !== typeField));
  const data = dataField === null ? others() : valueAt(body, [dataField]);
  if (!isRecord(data)) return bad(`${dataField} must be an object`);
  const unsafe = findUnsafeValue(data, "data");
  if (unsafe) return bad(`${unsafe.field} ${unsafe.message}`);

  const target = targetOf(mapping, channel, body);
  if (target === null) return bad(orderIdRule(mapping));
  const event = { channel: target, type, data: JSON.stringify(data), id: crypto.randomUUID() };
  return { ok: true, event: { ...event, version: null, order: null } };
}

function textOf(message: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(message);
  } catch {
    return null;
  }
}

function parse(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

function targetOf(mapping: Mapping, channel: string, body: unknown): ChannelName | null {
  if (channel === mapping.products) return PRODUCTS_CHANNEL;
  const id = isOneChannel(mapping)
    ? valueAt(body, mapping.orderField.split("."))
    : idIn(channel, mapping.orders.split("*"));
  const orderId = typeof id === "string" ? parseOrderId(id) : null;
  return orderId === null ? null : orderChannelName(orderId);
}

const orderIdRule = (mapping: Mapping) =>
  `${isOneChannel(mapping) ? `${mapping.orderField} must be` : "the channel's name must contain"} an order id (a UUID)`;

export const isOneChannel = ({ orders }: Mapping) => !orders.includes("*");

/** Whether a channel carries orders. */
export function isOrdersChannel({ orders }: Mapping, channel: string): boolean {
  const [prefix = "", suffix] = orders.split("*");
  if (suffix === undefined) return channel === orders;
  const isLongEnough = channel.length >= prefix.length + suffix.length;
  return isLongEnough && channel.startsWith(prefix) && channel.endsWith(suffix);
}

const idIn = (channel: string, [prefix = "", suffix = ""]: string[]) =>
  channel.slice(prefix.length, channel.length - suffix.length);

const bad = (reason: string): ReadMessage => ({ ok: false, reason });
