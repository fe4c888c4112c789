import type { CLOSE_RULES, CloseCode } from "../../protocol/close-rules.ts";
import type { EventData, EventType, OrderEventType, ProductEventType } from "../../protocol/event-data.ts";
import type { EventFrame, OrderEstablishedFrame, Position, ProductsEstablishedFrame } from "../../protocol/frames.ts";
import type { SharedTabs } from "./output.ts";
import type { Tuning } from "./tuning.ts";

/** What the SDK takes and gives. Everything here is stable. */

export type { EventType, OrderEventType, Position, ProductEventType };

/** The fields that the catalogue names. Others that a publisher sends arrive, too, and are yours to type. */
type Named<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
type EventOf<T extends EventType> = { [K in T]: Omit<EventFrame<K>, "data"> & { data: Named<EventData<K>> } }[T];

/** An event of an order; `type` tells which fields `data` has. */
export type OrderEvent = EventOf<OrderEventType>;
/** An event of a product; `type` tells which fields `data` has. */
export type ProductEvent = EventOf<ProductEventType>;

/** How an order stands: the state as of exactly `seq`. `resumed` is true when the events up to `seq` follow, too. */
export type OrderSnapshot = OrderEstablishedFrame["data"];
/** Where the products channel stands. Products themselves are in your shop's own API. */
export type ProductsSnapshot = ProductsEstablishedFrame["data"];

/** Events between the two positions cannot be had: load the state anew. */
export interface Gap {
  /** The last event that came, or null when none was asked for. */
  from: Position | null;
  /** Where the channel stands now; what happens next will come. */
  to: Position;
}

/** Why a connection is over. */
export interface ClosedReason {
  /** As in README, "When a socket closes"; 1000 after `close()`. */
  code: number;
  /** The code's name; `closed` after `close()`; `unknown` for a code of a newer service. */
  name: (typeof CLOSE_RULES)[CloseCode]["name"] | "closed" | "unknown";
  /** The service's own sentence. */
  message: string;
  /** Whether the person must do something: sign in anew, or as somebody who may listen. */
  userMustAct: boolean;
}

/** How a connection stands. */
export type Status =
  /** Nothing has come yet. */
  | { state: "connecting"; isStale: boolean }
  /** Everything is there, and what happens next comes. `recovered`: what was missed has come, too. */
  | { state: "live"; isStale: false; recovered: boolean }
  /** It was live and comes back by itself. */
  | { state: "recovering"; isStale: boolean }
  /** The device has no network; it comes back by itself. */
  | { state: "offline"; isStale: boolean }
  /** It is over; `reconnect()` begins anew. */
  | { state: "closed"; isStale: boolean; reason: ClosedReason };

/**
 * Where positions are kept across page loads, as `sessionStorage` does. Each tab needs its own, because each stands
 * elsewhere: `localStorage` is for pages of which there is one. Tokens are never stored.
 */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Asked for a token whenever one is needed, so that it is always fresh. A failure is tried again after a back-off. */
export type GetToken = () => string | Promise<string>;

interface CommonOptions {
  /** Where the service is: `http(s):` or `ws(s):`. Default: the page's own origin. */
  url?: string | undefined;
  /** A token that cannot be renewed; the connection ends with it. Prefer `getToken`. */
  token?: string | undefined;
  getToken?: GetToken | undefined;
  onStatus?: ((status: Status) => void) | undefined;
  onGap?: ((gap: Gap) => void) | undefined;
  /** Go on from here: what came after it is delivered first. */
  position?: Position | null | undefined;
  /** Keeps the position across page loads; `position`, when given, comes first. */
  storage?: PositionStorage | undefined;
  /** One socket for all tabs of a browser: `sharedTabs()` of `tidings/client/tabs`. */
  shared?: SharedTabs | undefined;
  /** Times, in milliseconds, where the defaults do not fit. */
  tuning?: Partial<Tuning> | undefined;
}

export interface OrderOptions extends CommonOptions {
  /** Every event, once, in order. */
  onEvent?: ((event: OrderEvent) => void) | undefined;
  /** The first frame of every connection: how the order stands. */
  onSnapshot?: ((snapshot: OrderSnapshot) => void) | undefined;
}

export interface ProductsOptions extends CommonOptions {
  /** Only these products, at most 50; an empty list hears nothing. Default: all. */
  productIds?: readonly string[] | undefined;
  /** Every event, once, in order. */
  onEvent?: ((event: ProductEvent) => void) | undefined;
  /** The first frame of every connection. */
  onSnapshot?: ((snapshot: ProductsSnapshot) => void) | undefined;
}

export interface Connection {
  /** `order_<order id>` or `products`. */
  readonly channel: string;
  readonly status: Status;
  /** The last event delivered; null before the first frame. */
  readonly position: Position | null;
  /**
   * How old the newest event was when it came, in milliseconds, beyond the quickest frame of this connection: so a
   * wrong clock does not count. Null before the first event.
   */
  readonly lagMs: number | null;
  /** Ends it. Nothing is delivered after that. */
  close(): void;
  /** Tries now instead of later; begins anew after it was closed, from the position it had. */
  reconnect(): void;
  /** The token changed: gets it and, while live, hands it over without a new connection. */
  refreshToken(): void;
}

export interface ProductsConnection extends Connection {
  /**
   * Adds products. One who heard of all products hears of these only from then on.
   * @throws {RangeError} when there would be more than 50.
   */
  subscribe(productIds: readonly string[]): void;
  /** Removes products; without effect for one who hears of all. */
  unsubscribe(productIds: readonly string[]): void;
}
