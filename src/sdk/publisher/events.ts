import type { OrderEvents, OrderEventType, ProductEvents, ProductEventType } from "../../protocol/event-data.ts";
import type { ChannelName } from "../../protocol/names.ts";
import type { OrderRegistration, PublishResult, Queued } from "../../protocol/publish-call.ts";
import type { Problem } from "../../protocol/refusals.ts";

/** What a publisher takes and what it answers. */

export interface PublishOptions {
  /** The event's id, 1 to 128 visible ASCII characters: the same id is applied once. Default: a new UUID. */
  id?: string | undefined;
  /** An integer from 0 that grows per order or product: what is not above the last one is `stale` and goes nowhere. */
  version?: number | undefined;
}

export interface OrderPublishOptions extends PublishOptions {
  /** Registers the order in the same call: who it belongs to, and where it stands. */
  order?: OrderRegistration | undefined;
}

/** An event for `publishBatch`. */
export type BatchEvent =
  | {
      [T in OrderEventType]: { channel: `order_${string}`; type: T; data: OrderEvents[T] } & OrderPublishOptions;
    }[OrderEventType]
  | {
      [T in ProductEventType]: { channel: "products"; type: T; data: ProductEvents[T] } & PublishOptions;
    }[ProductEventType];

/** What became of an event: delivered to its channel, or `queued` in Redis and delivered from there. */
export type PublishAnswer = PublishResult | Queued;

/** An event of a batch that the service refused; the others went on. */
export interface Rejected {
  id: string;
  status: "rejected";
  error: Problem;
}

/** One interface for both ways, over HTTP and through the Redis stream. */
export interface Publisher<Answer extends PublishAnswer = PublishAnswer> {
  /**
   * Publishes an event to those who listen to an order.
   * @param orderId A UUID, in any case.
   * @throws {PublishError} when it was refused, or could not be published in time.
   */
  publishOrderUpdate<T extends OrderEventType>(
    orderId: string,
    type: T,
    data: OrderEvents[T],
    options?: OrderPublishOptions,
  ): Promise<Answer>;

  /**
   * Publishes an event to those who listen to products.
   * @throws {PublishError} when it was refused, or could not be published in time.
   */
  publishProductUpdate<T extends ProductEventType>(
    type: T,
    data: ProductEvents[T],
    options?: PublishOptions,
  ): Promise<Answer>;

  /**
   * Publishes many events, in order per channel. An event that is refused stops no other one: it is `rejected` in the
   * results.
   * @returns One result an event, in the order of the events.
   * @throws {PublishError} when calls failed altogether; its `ids` are the events whose fate is not known.
   */
  publishBatch(events: readonly BatchEvent[]): Promise<(Answer | Rejected)[]>;

  /** Sends what waits at once. @returns When all that was published before has its answer, whichever it is. */
  flush(): Promise<void>;

  /** Flushes; whatever is published after that is refused. */
  close(): Promise<void>;
}

/** An event on its way, with the id that every try of it carries. */
export interface OutgoingEvent {
  channel: ChannelName;
  type: string;
  /** JSON text. */
  data: string;
  id: string;
  version: number | null;
  order: OrderRegistration | null;
}
