import { connectOrder, connectProducts } from "../connection/connection.ts";
import { claimOf } from "../connection/token.ts";
import type { OrderEvent, ProductEvent } from "../connection/types.ts";
import {
  type AnyOptions,
  type Consumer,
  Feed,
  type OrderHookOptions,
  type OrderUpdates,
  type ProductsHookOptions,
  type ProductUpdates,
  type Told,
  type Updates,
} from "./feed.ts";
import { type ProductMap, withOrderEvent, withProductEvents, withSnapshot } from "./views.ts";

/** The two kinds of feed, and how a hook finds its own. */

const NOTHING = {
  isConnected: false,
  isStale: false,
  recovered: false,
  lastEvent: null,
  lagMs: null,
  gap: null,
} as const;
const IDLE = { ...NOTHING, status: "idle", error: null } as const;
const CONNECTING = { ...NOTHING, status: "connecting", error: null } as const;
const NO_PRODUCTS: ProductMap = new Map();

const feeds = new Map<string, Feed<OrderUpdates> | Feed<ProductUpdates>>();

/** What a hook wants, so that every hook that wants the same gets the same; null when there is nothing to connect to. */
export function feedKey(
  channel: string | null | undefined,
  { url, token, getToken, productIds, user }: AnyOptions,
): string | null {
  if (!channel || !(token || getToken) || productIds?.length === 0) return null;
  // Another token of the same user is no reason for another connection.
  const owner = user ?? (token ? (claimOf(token, "sub") ?? token) : "");
  return JSON.stringify([channel.toLowerCase(), url ?? "", owner, productIds && [...new Set(productIds)].sort()]);
}

/** The options that a hook was called with; the original service's hooks took a token. */
export function hookOptions<O extends OrderHookOptions | ProductsHookOptions>(
  options: O | string | null | undefined,
): O {
  // A token alone, or nothing, is a set of options of either kind.
  return typeof options === "object" && options !== null ? options : ({ token: options } as O);
}

const IDLE_ORDER: OrderUpdates = { ...IDLE, order: null };
const CONNECTING_ORDER: OrderUpdates = { ...CONNECTING, order: null };
const IDLE_PRODUCTS: ProductUpdates = { ...IDLE, products: NO_PRODUCTS };
const CONNECTING_PRODUCTS: ProductUpdates = { ...CONNECTING, products: NO_PRODUCTS };

/** One kind of feed, as the hooks of every framework use it. */
export interface Kind<V> {
  /** What is shown; the same object as long as nothing changed. */
  view(key: string | null): V;
  /** Shown by a server, which connects to nothing. */
  initial(key: string | null): V;
  /** @returns What ends the use. */
  use(key: string, id: string, consumer: Consumer): () => void;
  renew(key: string | null, token: string | null | undefined): void;
  reconnect(key: string | null): void;
}

function kindOf<V extends Updates<Told>>(
  idle: V,
  connecting: V,
  make: (id: string, options: AnyOptions, onUnused: () => void) => Feed<V>,
): Kind<V> {
  // A key names its channel, and a channel has one kind of feed.
  const find = (key: string | null) => feeds.get(key ?? "") as Feed<V> | undefined;
  const initial = (key: string | null) => (key === null ? idle : connecting);
  return {
    initial,
    view: (key) => find(key)?.view ?? initial(key),
    use(key, id, consumer) {
      const feed = find(key) ?? make(id, consumer.options(), () => feeds.delete(key));
      feeds.set(key, feed as unknown as Feed<OrderUpdates>);
      return feed.use(consumer);
    },
    renew: (key, token) => find(key)?.renew(token),
    reconnect: (key) => find(key)?.reconnect(),
  };
}

export const orderKind: Kind<OrderUpdates> = kindOf(
  IDLE_ORDER,
  CONNECTING_ORDER,
  (id, options, onUnused) =>
    new Feed(
      CONNECTING_ORDER,
      options,
      (told, feed) =>
        connectOrder(id, {
          ...told,
          onSnapshot: (snapshot) => feed.update((view) => ({ ...view, order: withSnapshot(view.order, snapshot) })),
        }),
      (view, events) => {
        // An order's channel carries an order's events.
        const order = view.order && (events as readonly OrderEvent[]).reduce(withOrderEvent, view.order);
        return { ...view, order };
      },
      onUnused,
    ),
);

export const productsKind: Kind<ProductUpdates> = kindOf(
  IDLE_PRODUCTS,
  CONNECTING_PRODUCTS,
  (_, options, onUnused) =>
    new Feed(
      CONNECTING_PRODUCTS,
      options,
      (told, feed) =>
        connectProducts({
          ...told,
          onGap(gap) {
            // What events said may not be the last word any more: a page loads its products anew.
            feed.update((view) => ({ ...view, products: NO_PRODUCTS }));
            told.onGap(gap);
          },
        }),
      // The products channel carries products' events.
      (view, events) => ({ ...view, products: withProductEvents(view.products, events as readonly ProductEvent[]) }),
      onUnused,
    ),
);
