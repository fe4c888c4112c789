import type { Connection, OrderOptions, ProductsOptions } from "../connection/options.ts";
import type { ClosedReason, Gap, OrderEvent, ProductEvent, Status } from "../connection/types.ts";
import type { OrderView, ProductMap } from "./views.ts";

/**
 * What the hooks share: one connection for all components that want the same, opened by the first one and closed a
 * little after the last one, so that StrictMode's second mount and a quick change of pages find it open.
 */

/** How long a connection outlives the last component that used it. */
export const LINGER_MS = 1000;

/** What both hooks return, besides the order or the products. */
export interface Updates<E> {
  /** `idle` without an id or a token: there is no connection. */
  readonly status: Status["state"] | "idle";
  readonly isConnected: boolean;
  /** It was not live for some time: what is shown may be old. */
  readonly isStale: boolean;
  /** Whether the last break was bridged: everything that was missed has come. */
  readonly recovered: boolean;
  readonly lastEvent: E | null;
  /** How old the last event was when it came, in milliseconds; null before the first one. */
  readonly lagMs: number | null;
  /** The last gap: events that cannot be had. Load the state anew when this changes. */
  readonly gap: Gap | null;
  /** Why the connection is over; null while it is not. */
  readonly error: ClosedReason | null;
}

export interface OrderUpdates extends Updates<OrderEvent> {
  /** Null before the first frame. */
  readonly order: OrderView | null;
}

export interface ProductUpdates extends Updates<ProductEvent> {
  /** The products that something happened to since this began, by id. */
  readonly products: ProductMap;
}

/** The options of a hook. A string is a token. `getToken` may be another function each time: the last one counts. */
export type HookOptions<O> = Omit<O, "onSnapshot" | "token"> & {
  token?: string | null | undefined;
  /** Whose updates these are, where `getToken` brings the tokens: another user is another connection. */
  user?: string | undefined;
};
export type OrderHookOptions = HookOptions<OrderOptions>;
export type ProductsHookOptions = HookOptions<ProductsOptions>;

/** A component that uses a connection. */
export interface Consumer {
  /** Its options as of now. */
  options(): AnyOptions;
  /** Something of what it shows has changed. */
  onChange(): void;
}

/** The options of either hook. */
export type AnyOptions = Omit<ProductsHookOptions, "onEvent"> & { onEvent?: ((event: never) => void) | undefined };
export type Told = OrderEvent | ProductEvent;

/** What a feed connects with: it hears everything itself. */
export type ConnectOptions = Omit<ProductsOptions, "onEvent" | "onGap"> & {
  onEvent(event: Told): void;
  onGap(gap: Gap): void;
};

/** One connection, what has come of it, and who uses it. */
export class Feed<V extends Updates<Told>> {
  view: V;
  readonly #fold: (view: V, events: readonly Told[]) => V;
  readonly #consumers = new Set<Consumer>();
  readonly #connection: Connection;
  readonly #onUnused: () => void;
  #token: string | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #events: Told[] = [];
  #isChanged = false;

  constructor(
    empty: V,
    options: AnyOptions,
    connect: (options: ConnectOptions, feed: Feed<V>) => Connection,
    fold: (view: V, events: readonly Told[]) => V,
    onUnused: () => void,
  ) {
    this.view = empty;
    this.#fold = fold;
    this.#onUnused = onUnused;
    this.#token = options.token ?? undefined;
    this.#connection = connect(
      {
        ...options,
        token: undefined,
        getToken: () => this.#freshToken(),
        onEvent: (event: Told) => {
          this.#events.push(event);
          this.#changed();
          // Which events come follows from the channel, which follows from the hook.
          this.#tell(({ onEvent }) => (onEvent as ((event: Told) => void) | undefined)?.(event));
        },
        onGap: (gap) => {
          this.update((view) => ({ ...view, gap }));
          this.#tell(({ onGap }) => onGap?.(gap));
        },
        onStatus: (status) => {
          this.update((view) => ({
            ...view,
            status: status.state,
            isConnected: status.state === "live",
            isStale: status.isStale,
            recovered: status.state === "live" ? status.recovered : view.recovered,
            error: status.state === "closed" ? status.reason : null,
          }));
          this.#tell(({ onStatus }) => onStatus?.(status));
        },
      },
      this,
    );
  }

  /** @returns What ends the use. */
  use(consumer: Consumer): () => void {
    clearTimeout(this.#linger);
    this.#consumers.add(consumer);
    this.renew(consumer.options().token);
    return () => {
      this.#consumers.delete(consumer);
      if (this.#consumers.size > 0) return;
      this.#linger = setTimeout(() => {
        this.#onUnused();
        this.#connection.close();
      }, LINGER_MS);
    };
  }

  /** The page has another token of the same user. */
  renew(token: string | null | undefined): void {
    if (!token || token === this.#token) return;
    this.#token = token;
    this.#connection.refreshToken();
  }

  reconnect(): void {
    this.#connection.reconnect();
  }

  /** Changes what is shown. */
  update(change: (view: V) => V): void {
    // Events that came before are part of what is changed.
    this.view = change(this.#folded());
    this.#changed();
  }

  /** Whatever comes in one go is shown in one go. */
  #changed(): void {
    if (this.#isChanged) return;
    this.#isChanged = true;
    queueMicrotask(() => {
      this.#isChanged = false;
      this.view = this.#folded();
      for (const { onChange } of this.#consumers) onChange();
    });
  }

  #folded(): V {
    const lastEvent = this.#events.at(-1);
    if (!lastEvent) return this.view;
    const view = { ...this.#fold(this.view, this.#events), lastEvent, lagMs: this.#connection.lagMs };
    this.#events = [];
    return view;
  }

  async #freshToken(): Promise<string> {
    // The first one to use this comes right after it was made.
    await null;
    for (const consumer of this.#consumers) {
      const { getToken } = consumer.options();
      if (getToken) return getToken();
    }
    // The one that came last: a component that came earlier may still have an old one.
    if (this.#token) return this.#token;
    throw new Error("nobody has a token");
  }

  #tell(say: (options: AnyOptions) => void): void {
    for (const consumer of this.#consumers) {
      try {
        say(consumer.options());
      } catch (error) {
        // One component's mistake is not the others'.
        console.error(error);
      }
    }
  }
}
