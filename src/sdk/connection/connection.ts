import { type ChannelName, orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { socketPath } from "../../protocol/paths.ts";
import { openLink } from "./driver.ts";
import type { ChannelEvent, ChannelSnapshot, Link, OpenLink, Output } from "./link.ts";
import type { OrderOptions, ProductsOptions } from "./options.ts";
import { platform } from "./page.ts";
import { loadPosition, savePosition } from "./position.ts";
import { filterQuery, type ProductFilter, withoutProducts, withProducts } from "./product-filter.ts";
import { guard } from "./runner.ts";
import type { Connection, Position, ProductId, ProductsConnection } from "./types.ts";

/**
 * Connects to an order's channel.
 * @example
 * const connection = connectOrder(orderId, {
 *   async getToken() {
 *     const response = await fetch("/api/token", { method: "POST" });
 *     if (!response.ok) throw new Error(`no token: ${response.status}`);
 *     return response.text();
 *   },
 *   onSnapshot: ({ current_status }) => showStatus(current_status),
 *   onEvent: (event) => event.type === "order_shipped" && showTracking(event.data.tracking_number),
 * });
 * @throws {TypeError} without `getToken` or `token`, or without `url` outside a browser.
 */
export function connectOrder(orderId: string, options: OrderOptions): Connection {
  // Encoded, so that even an invalid id reaches the service, whose refusal explains it.
  const channel = orderChannelName(encodeURIComponent(orderId.toLowerCase()));
  // An order's channel carries order events only.
  return connectChannel(channel, options as ChannelOptions, null);
}

/**
 * Connects to the products channel.
 * @example
 * const connection = connectProducts({ getToken, productIds: ["p-42"], onEvent: showProductEvent });
 * connection.subscribe(["p-43"]);
 * @throws {TypeError} without `getToken` or `token`, or without `url` outside a browser.
 * @throws {RangeError} for more than 50 products, or ids of more than 6,400 UTF-16 units together.
 */
export function connectProducts(options: ProductsOptions): ProductsConnection {
  const filter = options.productIds ? withProducts(null, options.productIds).sort() : null;
  // The products channel carries product events only.
  return connectChannel(PRODUCTS_CHANNEL, options as ChannelOptions, filter);
}

/** The options of either channel. */
type ChannelOptions = Omit<OrderOptions, "onEvent" | "onSnapshot"> & {
  conflate?: boolean;
  onEvent?: (event: ChannelEvent) => void;
  onSnapshot?: (snapshot: ChannelSnapshot) => void;
};

function connectChannel(
  channel: ChannelName,
  options: ChannelOptions,
  initialFilter: ProductFilter,
): ProductsConnection {
  const { token, storage, tuning = {}, shared, conflate } = options;
  const getToken = options.getToken ?? (token && (() => token));
  const origin = options.url ?? platform.location?.origin;
  if (!getToken || !origin) throw new TypeError("Tidings needs getToken and url");
  const base = `${origin.replace(/^http/, "ws").replace(/\/+$/, "")}${socketPath(channel)}`;
  const urlOf = (since: Position | null, products: ProductFilter) => {
    const resume = since ? `since=${since.seq}&epoch=${encodeURIComponent(since.epoch)}` : "";
    return `${base}?${resume}${filterQuery(products)}${conflate ? "&conflate=1" : ""}`;
  };
  // Includes the filter: a position reached with one filter may lie beyond events that another filter lets through.
  const name = urlOf(null, initialFilter);
  const storageKey = `tidings:${name}`;
  let filter = initialFilter;
  /** Undefined during the first outputs. */
  let link: Link | undefined;

  const callbacks: { [T in Output["type"]]?: ((payload: never) => void) | undefined } = {
    event: options.onEvent,
    snapshot: options.onSnapshot,
    gap: options.onGap,
    status: options.onStatus,
  };
  const onOutput = (output: Output): void => {
    const callback = callbacks[output.type];
    // The payload is the property named like the type, which the compiler cannot match with the callback.
    if (callback) guard(callback, output[output.type as never]);
    // Saved after the callback ran: if the page ends before, the next page receives the event again.
    const position = link?.position;
    // With a smaller filter, the position may lie beyond events of products that the next page starts with.
    const isCovered = !filter || withoutProducts(initialFilter, filter)?.length === 0;
    if (position && isCovered) savePosition(storage, storageKey, position);
  };
  const open: OpenLink = (from, wasLive, onLinkOutput, fetchToken = getToken) =>
    openLink({ position: from, filter, wasLive, tuning, conflate }, urlOf, fetchToken, onLinkOutput);
  const position = options.position ?? loadPosition(storage, storageKey);
  const active = shared
    ? shared({ name, tuning, getToken, position, open, onOutput })
    : open(position, false, onOutput);
  link = active;
  const setFilter = (next: ProductFilter) => {
    active.take({ type: "filter", filter: next });
    filter = next;
  };

  return Object.assign(active, {
    channel,
    subscribe: (productIds: readonly ProductId[]) => setFilter(withProducts(filter, productIds)),
    unsubscribe: (productIds: readonly ProductId[]) => setFilter(withoutProducts(filter, productIds.map(String))),
  });
}
