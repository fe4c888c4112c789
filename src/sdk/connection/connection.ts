import { MAX_FILTER_PRODUCTS } from "../../protocol/frames.ts";
import { orderChannelName, PRODUCTS_CHANNEL } from "../../protocol/names.ts";
import { Driver } from "./driver.ts";
import { NO_PRODUCT, without } from "./filter.ts";
import type { Link, OpenDriver, Output } from "./output.ts";
import { globals } from "./page.ts";
import type {
  Connection,
  OrderOptions,
  OrderSnapshot,
  Position,
  ProductsConnection,
  ProductsOptions,
  ProductsSnapshot,
  Status,
} from "./types.ts";

/**
 * Listens to an order.
 * @example
 * const connection = connectOrder(orderId, {
 *   async getToken() {
 *     const response = await fetch("/api/token");
 *     if (!response.ok) throw new Error("no token");
 *     return response.text();
 *   },
 *   onSnapshot: ({ current_status }) => showStatus(current_status),
 *   onEvent: (event) => event.type === "order_shipped" && showTracking(event.data.tracking_number),
 * });
 * @throws {TypeError} without a token, or without a URL where there is no page.
 */
export function connectOrder(orderId: string, options: OrderOptions): Connection {
  // The channel tells which events come.
  const told = options as Told;
  return connect(`orders/${encodeURIComponent(orderId)}`, orderChannelName(orderId.toLowerCase()), told, null);
}

/**
 * Listens to all products, or to those of `productIds`.
 * @throws {TypeError} without a token, or without a URL where there is no page.
 * @throws {RangeError} for more than 50 products.
 */
export function connectProducts(options: ProductsOptions): ProductsConnection {
  const { productIds } = options;
  return connect(PRODUCTS_CHANNEL, PRODUCTS_CHANNEL, options as Told, productIds ? limited(productIds).sort() : null);
}

/** The options of both kinds of channel. */
type Told = Omit<OrderOptions & ProductsOptions, "onEvent" | "onSnapshot"> & {
  onEvent?: (event: Extract<Output, { type: "event" }>["event"]) => void;
  onSnapshot?: (snapshot: OrderSnapshot | ProductsSnapshot) => void;
};

function connect(path: string, channel: string, options: Told, products: readonly string[] | null): ProductsConnection {
  const { token, storage, tuning = {}, shared } = options;
  const getToken = options.getToken ?? (token === undefined ? undefined : () => token);
  const origin = options.url ?? globals.location?.origin;
  if (!getToken || !origin) throw new TypeError(`Tidings needs ${getToken ? "url" : "getToken"}`);
  const base = `${origin.replace(/^http/, "ws").replace(/\/+$/, "")}/api/v1/ws/${path}`;
  // Also of the position: what another filter let through says nothing of this one's events.
  const name = `${base}?${query(null, products)}`;
  const storageKey = `tidings:${name}`;
  let status: Status = { state: "connecting", isStale: false };
  let filter = products;
  let saved: Position | null | undefined;

  const onOutput = (output: Output): void => {
    if (output.type === "status") {
      status = output.status;
      tell(options.onStatus, status);
    } else if (output.type === "event") tell(options.onEvent, output.event);
    else if (output.type === "snapshot") tell(options.onSnapshot, output.snapshot);
    else if (output.type === "gap") tell(options.onGap, output.gap);
    const position = link?.position;
    if (storage && position && position !== saved) save(storage, storageKey, position);
    saved = position;
  };
  const freshToken = async () => getToken();
  const open: OpenDriver = (position, wasLive, onDriverOutput) =>
    new Driver(
      { position, products: filter, wasLive, tuning },
      (since, wanted) => `${base}?${query(since, wanted)}`,
      freshToken,
      onDriverOutput,
    );
  const position = options.position ?? load(storage, storageKey);
  // Outputs may come before `link` is there; then there is no position to save yet.
  let link: Link | undefined;
  link = shared
    ? shared({ name, tuning, getToken: freshToken, position, open, onOutput })
    : open(position, false, onOutput);
  const linked = link;

  return {
    channel,
    get status() {
      return status;
    },
    get position() {
      return linked.position;
    },
    get lagMs() {
      return linked.lagMs;
    },
    close: () => linked.close(),
    reconnect: () => linked.reconnect(),
    refreshToken: () => linked.refreshToken(),
    subscribe(productIds) {
      filter = limited([...(filter ?? []), ...productIds]);
      linked.filter(productIds, true);
    },
    unsubscribe(productIds) {
      filter &&= without(filter, productIds);
      linked.filter(productIds, false);
    },
  };
}

function query(position: Position | null, products: readonly string[] | null): URLSearchParams {
  return new URLSearchParams({
    ...(position && { since: String(position.seq), epoch: position.epoch }),
    ...(products && { product_id: products.join() || NO_PRODUCT }),
  });
}

function limited(productIds: readonly string[]): string[] {
  const ids = [...new Set(productIds)];
  if (ids.length > MAX_FILTER_PRODUCTS) throw new RangeError(`A filter has at most ${MAX_FILTER_PRODUCTS} products`);
  return ids;
}

/** A page's own mistake in a callback must not stop what comes after it. */
function tell<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    console.error(error);
  }
}

function load(storage: Told["storage"], key: string): Position | null {
  try {
    const { epoch, seq } = JSON.parse(storage?.getItem(key) ?? "null");
    return typeof epoch === "string" && Number.isSafeInteger(seq) ? { epoch, seq } : null;
  } catch {
    // Nothing is there, it is somebody else's, or the browser forbids it.
    return null;
  }
}

function save(storage: NonNullable<Told["storage"]>, key: string, position: Position): void {
  try {
    storage.setItem(key, JSON.stringify(position));
  } catch {
    // The storage is full or forbidden: then the position lives as long as the page.
  }
}
