import type { ProductsOptions } from "../connection/options.ts";
import { guard } from "../connection/runner.ts";
import type { Connection, ProductsConnection, Status } from "../connection/types.ts";
import type { ProductsHookOptions, Updates } from "./updates.ts";

/** The connection behind the hooks, shared by all components that need the same channel. */

/**
 * How long a connection stays open without subscribers. React's StrictMode mounts twice, and page changes unmount one
 * component before they mount the next.
 */
const LINGER_MS = 1000;

/** The options of either hook. */
export type FeedOptions<E> = Omit<ProductsHookOptions, "onEvent"> & { onEvent?: ((event: E) => void) | undefined };

/** A component that uses a feed. */
export interface Subscriber<E> {
  /** Returns the component's latest options. */
  options(): FeedOptions<E>;
  /** Called when the view has changed. */
  onChange(): void;
}

/** The connection of a feed. An order's has no filter to change. */
type FeedConnection = Connection & Partial<Pick<ProductsConnection, "subscribe" | "unsubscribe">>;

/** What distinguishes the feeds of orders from those of products. */
export interface FeedRules<E, V> {
  /** The view without a connection. */
  idle: V;
  /** Opens a feed's connection. @param update Changes the feed's view. */
  connect(
    id: string,
    options: Omit<ProductsOptions, "onEvent"> & { onEvent(event: E): void },
    update: (change: (view: V) => V) => void,
  ): FeedConnection;
  applyEvents(view: V, events: readonly E[]): V;
  /** What is unknown after a gap, because lost events may have changed it. */
  afterGap: Partial<V>;
  /** Returns a new feed's view with what another feed of the same base knows. */
  inherit(view: V, from: V): V;
  /** Forgets every product but these. */
  keepOnly(view: V, productIds: readonly string[]): V;
}

/** One connection, the view built from its events, and the components that show it. */
export class Feed<E, V extends Updates<E>> {
  view: V;
  readonly #rules: FeedRules<E, V>;
  readonly #subscribers = new Set<Subscriber<E>>();
  readonly #connection: FeedConnection;
  readonly #onUnused: (feed: Feed<E, V>) => void;
  /** The last status, for components that subscribe later. */
  #status: Status | undefined;
  #token: string | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** Events that are not in the view yet. */
  #events: E[] = [];
  #isChangeScheduled = false;

  /**
   * @param initial The view before the first frame.
   * @param onUnused Called before the connection closes.
   */
  constructor(
    rules: FeedRules<E, V>,
    id: string,
    initial: V,
    options: FeedOptions<E>,
    onUnused: (feed: Feed<E, V>) => void,
  ) {
    this.view = initial;
    this.#rules = rules;
    this.#onUnused = onUnused;
    this.#token = options.token ?? undefined;
    this.#connection = rules.connect(
      id,
      {
        ...options,
        token: undefined,
        getToken: () => this.#getToken(),
        onEvent: (event) => {
          this.#events.push(event);
          this.#scheduleChange();
          this.#notify(({ onEvent }) => onEvent?.(event));
        },
        onGap: (gap) => {
          this.update((view) => ({ ...view, ...rules.afterGap, gap }));
          this.#notify(({ onGap }) => onGap?.(gap));
        },
        onStatus: (status) => {
          this.#status = status;
          this.update((view) => ({
            ...view,
            state: status.state,
            isConnected: status.state === "live",
            isStale: status.isStale,
            recovered: status.state === "live" ? status.recovered : view.recovered,
            error: status.state === "closed" ? status.reason : null,
            cause: (status.state !== "closed" && status.cause) || null,
          }));
          this.#notify(({ onStatus }) => onStatus?.(status));
        },
      },
      (change) => this.update(change),
    );
  }

  /** Adds a component. @returns A function that removes it. */
  subscribe(subscriber: Subscriber<E>): () => void {
    clearTimeout(this.#linger);
    this.#subscribers.add(subscriber);
    this.setToken(subscriber.options().token);
    const status = this.#status;
    if (status) this.#call(subscriber, ({ onStatus }) => onStatus?.(status));
    return () => {
      this.#subscribers.delete(subscriber);
      if (this.#subscribers.size > 0) return;
      this.#linger = setTimeout(() => {
        this.#onUnused(this);
        this.#connection.close();
      }, LINGER_MS);
    };
  }

  /** Whether no component uses this feed, so that it closes soon. */
  get isUnused(): boolean {
    return this.#subscribers.size === 0;
  }

  /** Moves to another list of products on the same connection, and keeps what is known about those that stay. */
  changeProducts(from: readonly string[], to: readonly string[]): void {
    // Unsubscribe first, to stay within the limit.
    this.#connection.unsubscribe?.(from.filter((id) => !to.includes(id)));
    this.#connection.subscribe?.(to);
    // Events of the others no longer arrive.
    this.update((view) => this.#rules.keepOnly(view, to));
  }

  /** Takes another token of the same user. */
  setToken(token: string | null | undefined): void {
    if (!token || token === this.#token) return;
    this.#token = token;
    this.#connection.refreshToken();
  }

  reconnect(): void {
    this.#connection.reconnect();
  }

  update(change: (view: V) => V): void {
    this.#applyPendingEvents();
    this.view = change(this.view);
    this.#scheduleChange();
  }

  /** Renders once for all changes that arrive together. */
  #scheduleChange(): void {
    if (this.#isChangeScheduled) return;
    this.#isChangeScheduled = true;
    queueMicrotask(() => {
      this.#isChangeScheduled = false;
      this.#applyPendingEvents();
      for (const { onChange } of this.#subscribers) onChange();
    });
  }

  #applyPendingEvents(): void {
    const lastEvent = this.#events.at(-1);
    if (lastEvent === undefined) return;
    this.view = { ...this.#rules.applyEvents(this.view, this.#events), lastEvent, lagMs: this.#connection.lagMs };
    this.#events = [];
  }

  async #getToken(): Promise<string> {
    // The connection calls this while it is created, before the first component has subscribed.
    await null;
    for (const subscriber of this.#subscribers) {
      const { getToken } = subscriber.options();
      if (getToken) return getToken();
    }
    // The token that was set last: earlier components may still hold an older one.
    if (this.#token) return this.#token;
    throw new Error("No component has a token");
  }

  #notify(call: (options: FeedOptions<E>) => void): void {
    for (const subscriber of this.#subscribers) this.#call(subscriber, call);
  }

  /** An error in one component's callback must not affect the others. */
  #call(subscriber: Subscriber<E>, call: (options: FeedOptions<E>) => void): void {
    guard(() => call(subscriber.options()), undefined);
  }
}
