import { orderChannelName, PRODUCTS_CHANNEL, parseChannelName, parseOrderId } from "../../protocol/names.ts";
import type {
  BatchEvent,
  OrderPublishOptions,
  OutgoingEvent,
  PublishAnswer,
  Publisher,
  PublishOptions,
  Rejected,
} from "./events.ts";
import { PublishError, withIds } from "./publish-error.ts";

/** How a publisher's events get out. */
export interface Transport<Answer> {
  /** @throws {PublishError} when the event was refused, or could not be published in time. */
  one(event: OutgoingEvent): Promise<Answer>;
  /** @returns A promise an event, in the order of the events; it fails when the fate of its event is not known. */
  many(events: OutgoingEvent[]): Promise<Answer | Rejected>[];
  /** Sends what waits. */
  hurry(): void;
}

/** What all publishers have in common, over whatever their events get out. */
export class BasePublisher<Answer extends PublishAnswer> implements Publisher<Answer> {
  readonly #transport: Transport<Answer>;
  readonly #inFlight = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(transport: Transport<Answer>) {
    this.#transport = transport;
  }

  async publishOrderUpdate(
    orderId: string,
    type: string,
    data: unknown,
    options: OrderPublishOptions = {},
  ): Promise<Answer> {
    const id = parseOrderId(String(orderId));
    if (id === null) {
      throw new PublishError("order_id: must be a UUID", {
        type: "urn:tidings:problem:invalid_order_id",
        errors: [{ field: "order_id", message: "must be a UUID" }],
      });
    }
    const event = outgoing({ ...options, channel: orderChannelName(id), type, data });
    return this.#track(() => this.#transport.one(event));
  }

  async publishProductUpdate(type: string, data: unknown, options: PublishOptions = {}): Promise<Answer> {
    const event = outgoing({ ...options, channel: PRODUCTS_CHANNEL, type, data });
    return this.#track(() => this.#transport.one(event));
  }

  async publishBatch(events: readonly BatchEvent[]): Promise<(Answer | Rejected)[]> {
    const read = events.map(readBatchEvent);
    const sendable = read.filter((event) => "channel" in event);
    const settled = await this.#track(() => Promise.allSettled(this.#transport.many(sendable)));
    const failed = settled.flatMap((result, i) =>
      result.status === "rejected" ? [{ id: sendable[i]?.id ?? "", reason: result.reason as unknown }] : [],
    );
    const reason = failed[0]?.reason;
    if (reason instanceof PublishError)
      throw withIds(
        reason,
        failed.map(({ id }) => id),
      );
    if (failed.length > 0) throw reason;
    const answers = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])).values();
    // Every event that was sent has its answer by now.
    return read.map((event) => ("channel" in event ? (answers.next().value as Answer | Rejected) : event));
  }

  async flush(): Promise<void> {
    this.#transport.hurry();
    await Promise.allSettled([...this.#inFlight]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  /** Keeps a call until it has ended, so that `flush` can wait for it. */
  async #track<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new PublishError("This publisher is closed");
    const promise = call();
    this.#inFlight.add(promise);
    try {
      return await promise;
    } finally {
      this.#inFlight.delete(promise);
    }
  }
}

type NewEvent = Pick<OutgoingEvent, "channel" | "type"> & { data: unknown } & OrderPublishOptions;

/** What is published is written down at once: to change it later changes nothing. */
function outgoing({ channel, type, data, id, version, order }: NewEvent): OutgoingEvent {
  if (typeof data !== "object" || data === null) throw new TypeError("data must be an object");
  // The id is there before the first try, so that every try of the event is known to be the same one.
  const eventId = id ?? crypto.randomUUID();
  return { channel, type, data: JSON.stringify(data), id: eventId, version: version ?? null, order: order ?? null };
}

function readBatchEvent(event: BatchEvent): OutgoingEvent | Rejected {
  const channel = parseChannelName(String(event.channel));
  if (channel) return outgoing({ ...event, channel: channel.name });
  const error = {
    type: "urn:tidings:problem:validation_failed",
    title: "Some fields are not valid",
    status: 422,
    errors: [{ field: "channel", message: "must be order_<order id> or products" }],
  };
  return { id: event.id ?? crypto.randomUUID(), status: "rejected", error };
}
