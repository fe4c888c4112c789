import { isFilterWithinLimits } from "../../protocol/product-filter.ts";
import { connectOrder, connectProducts } from "../connection/connection.ts";
import { readToken } from "../connection/token.ts";
import type { OrderEvent, ProductEvent } from "../connection/types.ts";
import { Feed, type FeedOptions, type FeedRules, type Subscriber } from "./feed.ts";
import type { OrderHookOptions, OrderUpdates, ProductsHookOptions, ProductUpdates, Updates } from "./updates.ts";
import { type ProductMap, withOrderEvent, withProductEvents, withSnapshot } from "./views.ts";

/** The feeds of orders and of products, and how hooks find the one they share. */

const IDLE = {
  state: "idle",
  isConnected: false,
  isStale: false,
  recovered: false,
  lastEvent: null,
  lagMs: null,
  gap: null,
  error: null,
  cause: null,
} as const;
const NO_PRODUCTS: ProductMap = new Map();

/** Returns the key of the feed that a hook needs; null if it needs none. Hooks with the same key share a feed. */
export function feedKey(
  channel: string | null | undefined,
  { url, token, getToken, productIds, user, conflate, shared }: FeedOptions<never>,
): string | null {
  if (!channel || !(token || getToken) || productIds?.length === 0) return null;
  // A new token of the same user keeps the connection.
  const owner = user ?? (token ? (readToken(token).user ?? token) : "");
  return JSON.stringify({
    base: {
      channel: channel.toLowerCase(),
      url: url ?? "",
      owner,
      conflates: conflate === true,
      isShared: shared !== undefined,
    },
    products: productIds ? [...new Set(productIds.map(String))].sort() : null,
  } satisfies FeedKey);
}

/** A parsed key. Feeds with the same base differ in their products only. */
interface FeedKey {
  base: { channel: string; url: string; owner: string; conflates: boolean; isShared: boolean };
  products: string[] | null;
}

/** Reads a key that `feedKey` wrote. */
const readKey = (key: string): FeedKey => JSON.parse(key);
const haveSameBase = (one: string, other: string) =>
  JSON.stringify(readKey(one).base) === JSON.stringify(readKey(other).base);

/** Returns the options of a hook that was called with options, or with only a token like the original service's. */
export function hookOptions<O extends OrderHookOptions | ProductsHookOptions>(
  options: O | string | null | undefined,
): O {
  // Either kind of options consists of optional fields, so `token` alone is one.
  return typeof options === "object" && options !== null ? options : ({ token: options } as O);
}

/** One kind of feed, as the hooks of every framework use it. Without a key there is no feed. */
export interface FeedKind<E, V> {
  /**
   * Returns the current view: the same object as long as nothing changes.
   * @param former The key that the component showed before. Its view stands in until the new feed is there.
   */
  view(key: string | null, former?: string | null): V;
  /** Returns the view before the first frame, which is also what a server renders. */
  initial(key: string | null): V;
  /** Subscribes a component and opens the feed if necessary. @returns A function that unsubscribes. */
  subscribe(key: string, id: string, subscriber: Subscriber<E>): () => void;
  setToken(key: string | null, token: string | null | undefined): void;
  reconnect(key: string | null): void;
}

function feedKind<E, V extends Updates<E>>(rules: FeedRules<E, V>): FeedKind<E, V> {
  const { idle, inherit, keepOnly } = rules;
  const connecting: V = { ...idle, state: "connecting" };
  const feeds = new Map<string, Feed<E, V>>();
  /** Views of feeds that cannot be opened with their options, such as for too many products. */
  const refused = new Map<string, V>();
  const find = (key: string | null) => (key === null ? undefined : feeds.get(key));
  const initial = (key: string | null) => (key === null ? idle : connecting);
  const forget = (feed: Feed<E, V>) => {
    for (const [key, one] of feeds) if (one === feed) feeds.delete(key);
  };

  /** Reuses the feed of a component that has just changed its list of products. */
  function adopt(key: string): Feed<E, V> | undefined {
    const { products: to, base } = readKey(key);
    // The filter of a connection shared between tabs cannot change. `create` reports an invalid filter.
    if (!to || base.isShared || !isFilterWithinLimits(to)) return undefined;
    for (const [former, feed] of feeds) {
      const from = readKey(former).products;
      if (!from || !feed.isUnused || !haveSameBase(former, key)) continue;
      feeds.delete(former);
      feed.changeProducts(from, to);
      return feed;
    }
    return undefined;
  }

  function create(key: string, id: string, options: FeedOptions<E>): Feed<E, V> | undefined {
    try {
      const feed = new Feed(rules, id, connecting, options, forget);
      for (const [other, { view }] of feeds) if (haveSameBase(other, key)) feed.update((own) => inherit(own, view));
      const { products } = readKey(key);
      if (products) feed.update((own) => keepOnly(own, products));
      return feed;
    } catch (error) {
      const message = error instanceof Error ? error.message : "";
      const reason = { code: 4005, name: "protocol_error", message, userMustAct: false } as const;
      refused.set(key, { ...connecting, state: "closed", isStale: true, error: reason });
      return undefined;
    }
  }

  return {
    initial,
    view(key, former = null) {
      const feed = find(key) ?? (key && former && haveSameBase(key, former) ? find(former) : undefined);
      return (key && refused.get(key)) || feed?.view || initial(key);
    },
    subscribe(key, id, subscriber) {
      const feed = find(key) ?? adopt(key) ?? create(key, id, subscriber.options());
      if (!feed) {
        queueMicrotask(subscriber.onChange);
        return () => {};
      }
      feeds.set(key, feed);
      return feed.subscribe(subscriber);
    },
    setToken: (key, token) => find(key)?.setToken(token),
    reconnect: (key) => find(key)?.reconnect(),
  };
}

export const orderKind = feedKind<OrderEvent, OrderUpdates>({
  idle: { ...IDLE, order: null },
  connect: (id, options, update) =>
    connectOrder(id, {
      ...options,
      onSnapshot: (snapshot) => update((view) => ({ ...view, order: withSnapshot(view.order, snapshot) })),
    }),
  applyEvents: (view, events) => ({ ...view, order: view.order && events.reduce(withOrderEvent, view.order) }),
  afterGap: {},
  inherit: (view) => view,
  keepOnly: (view) => view,
});

export const productsKind = feedKind<ProductEvent, ProductUpdates>({
  idle: { ...IDLE, products: NO_PRODUCTS },
  connect: (_id, options) => connectProducts(options),
  applyEvents: (view, events) => ({ ...view, products: withProductEvents(view.products, events) }),
  // The page reloads them.
  afterGap: { products: NO_PRODUCTS },
  // A component's list changed while other components still use the old one.
  inherit: (view, from) => ({ ...view, products: new Map([...from.products, ...view.products]) }),
  keepOnly(view, productIds) {
    const ids = new Set(productIds);
    return { ...view, products: new Map([...view.products].filter(([id]) => ids.has(id))) };
  },
});
