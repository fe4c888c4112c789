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

/** How a publisher sends events to the service. */
export interface Transport<Answer> {
  /** @throws {PublishError} when the event is refused, or cannot be published in time. */
  one(event: OutgoingEvent): Promise<Answer>;
  /** @returns One promise per event, in order. It rejects when the fate of its event is unknown. */
  many(events: OutgoingEvent[]): Promise<Answer | Rejected>[];
  /** Sends events that wait for a batch, without further delay. */
  sendNow(): void;
}

/** The part of a publisher that does not depend on its transport. */
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
    const parsed = events.map(parseBatchEvent);
    const sendable = parsed.filter((event) => "channel" in event);
    const settled = await this.#track(() => Promise.allSettled(this.#transport.many(sendable)));
    throwFailures(settled, sendable);
    const answers = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])).values();
    // Every sendable event has an answer here, because failures have been thrown.
    return parsed.map((event) => ("channel" in event ? (answers.next().value as Answer | Rejected) : event));
  }

  async flush(): Promise<void> {
    this.#transport.sendNow();
    await Promise.allSettled([...this.#inFlight]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  /** Remembers a call until it settles, so that `flush` can wait for it. */
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

/** Throws the first failure of a batch, with the ids of all events that failed. */
function throwFailures(settled: PromiseSettledResult<unknown>[], events: OutgoingEvent[]): void {
  const failures = settled.flatMap((result, i) =>
    result.status === "rejected" ? [{ id: events[i]?.id ?? "", reason: result.reason as unknown }] : [],
  );
  const [first] = failures;
  if (!first) return;
  const ids = failures.map(({ id }) => id);
  throw first.reason instanceof PublishError ? withIds(first.reason, ids) : first.reason;
}

type NewEvent = Pick<OutgoingEvent, "channel" | "type"> & { data: unknown } & OrderPublishOptions;

/** Encodes the data immediately, so that later changes to it do not change the event. */
function outgoing({ channel, type, data, id, version, order }: NewEvent): OutgoingEvent {
  if (typeof data !== "object" || data === null) throw new TypeError("data must be an object");
  // Assigned before the first attempt, so that the service recognises every retry as the same event.
  const eventId = id ?? crypto.randomUUID();
  return { channel, type, data: JSON.stringify(data), id: eventId, version: version ?? null, order: order ?? null };
}

function parseBatchEvent(event: BatchEvent): OutgoingEvent | Rejected {
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
