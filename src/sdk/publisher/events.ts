import type { AllOrderEvents, AllProductEvents } from "../../protocol/event-data.ts";
import type { OrderInput, PublishResult, Queued as QueuedEvent } from "../../protocol/publish-call.ts";
import type { Problem } from "../../protocol/refusals.ts";

/** The interface of a publisher: what it takes and what it returns. */

export interface PublishOptions {
  /** The event's id, 1 to 128 visible ASCII characters. The service applies each id once. Default: a new UUID. */
  id?: string | undefined;
  /** A non-negative integer that grows per order or product. Unless it exceeds the last one applied, the event is `stale`. */
  version?: number | undefined;
}

export interface OrderPublishOptions extends PublishOptions {
  /** Registers the order in the same call: its owner and its state. */
  order?: OrderInput | undefined;
}

/** An event for `publishBatch`. */
export type BatchEvent =
  | {
      [T in keyof AllOrderEvents]: {
        channel: `order_${string}`;
        type: T;
        data: AllOrderEvents[T];
      } & OrderPublishOptions;
    }[keyof AllOrderEvents]
  | {
      [T in keyof AllProductEvents]: { channel: "products"; type: T; data: AllProductEvents[T] } & PublishOptions;
    }[keyof AllProductEvents];

/** An event that waits in Redis and is delivered from there. It has no position and no listeners yet. */
export type Queued = QueuedEvent & { seq?: undefined; receivers?: undefined };

/**
 * The result of a publish: delivered to its channel, or `queued` in Redis and delivered from there. Branch on `status`,
 * or take what you need: `seq` is null for a `stale` event, and undefined for a `queued` one.
 * @example const { seq, status } = await publisher.publishProductUpdate("price_updated", { product_id, new_price });
 */
export type PublishAnswer = (PublishResult | Queued) & { error?: undefined };

/** An event of a batch that the service refused; it does not affect the others. */
export interface Rejected {
  id: string;
  status: "rejected";
  error: Problem;
  channel?: undefined;
  seq?: undefined;
  receivers?: undefined;
}

/** The interface of both publishers: over HTTP, and through the Redis stream. */
export interface Publisher<Answer extends PublishAnswer = PublishAnswer> {
  /**
   * Publishes an event to an order's listeners. Declare types of the service's `EXTRA_EVENTS` in `ExtraOrderEvents`.
   * @param orderId A UUID, in upper or lower case.
   * @throws {PublishError} when the event is refused, or cannot be published in time.
   */
  publishOrderUpdate<T extends keyof AllOrderEvents>(
    orderId: string,
    type: T,
    data: AllOrderEvents[T],
    options?: OrderPublishOptions,
  ): Promise<Answer>;

  /**
   * Publishes an event to the products' listeners. Declare types of `EXTRA_EVENTS` in `ExtraProductEvents`.
   * @throws {PublishError} when the event is refused, or cannot be published in time.
   */
  publishProductUpdate<T extends keyof AllProductEvents>(
    type: T,
    data: AllProductEvents[T],
    options?: PublishOptions,
  ): Promise<Answer>;

  /**
   * Publishes many events, in order per channel. A refused event is `rejected` in the results and stops no other event.
   * @returns One result per event, in the order of the events.
   * @throws {PublishError} before anything is sent, when an event's `data` is not an object, or JSON cannot carry the
   * event; its `errors` name every such event, and its `ids` are those of all events. Also when a whole call fails: no
   * later event is then sent, and its `ids` are those of the events whose fate is unknown and of those that were not sent.
   * Publish these again, in order and with these ids, and each is applied once.
   */
  publishBatch(events: readonly BatchEvent[]): Promise<(Answer | Rejected)[]>;

  /** Sends waiting events immediately. Resolves when every earlier publish has succeeded or failed. */
  flush(): Promise<void>;

  /** Flushes, and refuses every later publish. */
  close(): Promise<void>;
}
