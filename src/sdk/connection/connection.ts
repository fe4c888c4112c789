import { orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { openLink } from "./driver.ts";
import type { Link, OpenLink, Output } from "./link.ts";
import type { Connection, OrderOptions, ProductsConnection, ProductsOptions } from "./options.ts";
import { platform } from "./page.ts";
import { loadPosition, savePosition } from "./position.ts";
import { filterParams, type ProductFilter, withoutProducts, withProducts } from "./product-filter.ts";
import type { Position, Status } from "./types.ts";

/**
 * Connects to an order's channel.
 * @example
 * const connection = connectOrder(orderId, {
 *   async getToken() {
 *     const response = await fetch("/api/token");
 *     if (!response.ok) throw new Error(`no token: ${response.status}`);
 *     return response.text();
 *   },
 *   onSnapshot: ({ current_status }) => showStatus(current_status),
 *   onEvent: (event) => event.type === "order_shipped" && showTracking(event.data.tracking_number),
 * });
 * @throws {TypeError} without `getToken` or `token`, or without `url` outside a browser.
 */
export function connectOrder(orderId: string, options: OrderOptions): Connection {
  const path = `orders/${encodeURIComponent(orderId)}`;
  // An order's channel carries order events only.
  return connectChannel(path, orderChannelName(orderId.toLowerCase()), options as ChannelOptions, null);
}

/**
 * Connects to the products channel.
 * @example
 * const connection = connectProducts({ getToken, productIds: ["p-42"], onEvent: showProductEvent });
 * connection.subscribe(["p-43"]);
 * @throws {TypeError} without `getToken` or `token`, or without `url` outside a browser.
 * @throws {RangeError} for more than 50 products.
 */
export function connectProducts(options: ProductsOptions): ProductsConnection {
  const { productIds } = options;
  const filter = productIds ? withProducts(null, productIds).sort() : null;
  // The products channel carries product events only.
  return connectChannel(PRODUCTS_CHANNEL, PRODUCTS_CHANNEL, options as ChannelOptions, filter);
}

/** The options of either channel. */
type ChannelOptions = Omit<OrderOptions, "onEvent" | "onSnapshot"> & {
  onEvent?: (event: Extract<Output, { type: "event" }>["event"]) => void;
  onSnapshot?: (snapshot: Extract<Output, { type: "snapshot" }>["snapshot"]) => void;
};

function connectChannel(
  path: string,
  channel: string,
  options: ChannelOptions,
  initialFilter: ProductFilter,
): ProductsConnection {
  const { token, storage, tuning = {}, shared } = options;
  const getToken = options.getToken ?? (token === undefined ? undefined : () => token);
  const origin = options.url ?? platform.location?.origin;
  if (!getToken || !origin) throw new TypeError(`Tidings needs ${getToken ? "url" : "getToken"}`);
  const base = `${origin.replace(/^http/, "ws").replace(/\/+$/, "")}/api/v1/ws/${path}`;
  const urlOf = (since: Position | null, products: ProductFilter) =>
    `${base}?${new URLSearchParams({
      ...(since && { since: String(since.seq), epoch: since.epoch }),
      ...filterParams(products),
    })}`;
  // Includes the filter: a position reached with one filter may lie beyond events that another filter lets through.
  const name = urlOf(null, initialFilter);
  const storageKey = `tidings:${name}`;
  let filter = initialFilter;
  let status: Status = { state: "connecting", isStale: false };
  let saved: Position | null | undefined;
  /** Undefined while the first outputs arrive. */
  let link: Link | undefined;

  const deliver = (output: Output): void => {
    if (output.type === "status") {
      status = output.status;
      options.onStatus?.(status);
    } else if (output.type === "event") options.onEvent?.(output.event);
    else if (output.type === "snapshot") options.onSnapshot?.(output.snapshot);
    else if (output.type === "gap") options.onGap?.(output.gap);
  };
  const onOutput = (output: Output): void => {
    try {
      deliver(output);
    } catch (error) {
      // An error in a page's callback must not stop the connection.
      console.error(error);
    }
    // After the callback: an event whose callback never ran is delivered again on the next page.
    const position = link?.position;
    if (storage && position && position !== saved) savePosition(storage, storageKey, position);
    saved = position;
  };
  const open: OpenLink = (from, wasLive, onLinkOutput) =>
    openLink({ position: from, filter, wasLive, tuning }, urlOf, getToken, onLinkOutput);
  const position = options.position ?? loadPosition(storage, storageKey);
  const active = shared
    ? shared({ name, tuning, getToken, position, open, onOutput })
    : open(position, false, onOutput);
  link = active;
  const setFilter = (next: ProductFilter) => {
    active.setFilter(next);
    filter = next;
  };

  return {
    channel,
    get status() {
      return status;
    },
    get position() {
      return active.position;
    },
    get lagMs() {
      return active.lagMs;
    },
    close: active.close,
    reconnect: active.reconnect,
    refreshToken: active.refreshToken,
    subscribe: (productIds) => setFilter(withProducts(filter, productIds)),
    unsubscribe: (productIds) => setFilter(withoutProducts(filter, productIds)),
  };
}
