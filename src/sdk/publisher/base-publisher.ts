import {
  CHANNEL_RULE,
  type ChannelName,
  orderChannelName,
  PRODUCTS_CHANNEL,
  parseChannelName,
  parseOrderId,
} from "../../protocol/names.ts";
import type { OutgoingEvent } from "../../protocol/publish-call.ts";
import type { FieldError } from "../../protocol/refusals.ts";
import { encode, invalidFields } from "./encode.ts";
import type { BatchEvent, OrderPublishOptions, PublishAnswer, Publisher, PublishOptions, Rejected } from "./events.ts";
import { PublishError, withIds } from "./publish-error.ts";

const INVALID_ORDER_ID: FieldError = { field: "order_id", message: "must be a UUID" };

/** How a publisher sends events to the service. */
export interface Transport<Answer> {
  /** @throws {PublishError} when the event is refused, or cannot be published in time. */
  one(event: OutgoingEvent): Promise<Answer>;
  /**
   * @returns One promise per event, in order. It rejects when the fate of its event is unknown, or when the event was not
   * sent.
   */
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

  publishOrderUpdate(orderId: string, type: string, data: unknown, options: OrderPublishOptions = {}): Promise<Answer> {
    const id = parseOrderId(String(orderId));
    return this.#publish(id === null ? null : orderChannelName(id), type, data, options);
  }

  publishProductUpdate(type: string, data: unknown, options: PublishOptions = {}): Promise<Answer> {
    return this.#publish(PRODUCTS_CHANNEL, type, data, options);
  }

  /** @param channel Null for an order id that is not a UUID. */
  async #publish(
    channel: ChannelName | null,
    type: string,
    data: unknown,
    options: OrderPublishOptions,
  ): Promise<Answer> {
    // Chosen before the first try, so that the service recognises every retry as the same event.
    const id = options.id ?? crypto.randomUUID();
    try {
      if (channel === null) throw invalidFields([INVALID_ORDER_ID], undefined, "invalid_order_id");
      const event = outgoing({ ...options, id, channel, type, data });
      return await this.#track(() => this.#transport.one(event));
    } catch (error) {
      throw withIds(error, [id]);
    }
  }

  async publishBatch(events: readonly BatchEvent[]): Promise<(Answer | Rejected)[]> {
    const ids = events.map((event) => event?.id ?? crypto.randomUUID());
    try {
      const parsed = parseBatch(events, ids);
      return await this.#track(async () => {
        const sent = this.#transport.many(parsed.filter((event) => "data" in event)).values();
        const results = parsed.map((event) => {
          if (!("data" in event)) return event;
          // `many` returns a promise for each of these events.
          return sent.next().value as Promise<Answer | Rejected>;
        });
        return valuesOf(await Promise.allSettled(results), ids);
      });
    } catch (error) {
      // Nothing was sent, unless the error names the events whose fate is unknown.
      throw error instanceof PublishError && error.ids.length > 0 ? error : withIds(error, ids);
    }
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

/** Returns the results of a batch. @throws the first failure, with the ids of all events that failed. */
function valuesOf<T>(settled: PromiseSettledResult<T>[], ids: string[]): T[] {
  const failed = ids.filter((_, i) => settled[i]?.status === "rejected");
  return settled.map((result) => {
    if (result.status === "fulfilled") return result.value;
    throw withIds(result.reason, failed);
  });
}

type NewEvent = Pick<OutgoingEvent, "channel" | "type" | "id"> & { data: unknown } & OrderPublishOptions;

/**
 * Encodes an event immediately, so that later changes to its parts do not change it, and nothing fails once others are
 * on their way.
 */
function outgoing({ channel, type, data, id, version, order }: NewEvent): OutgoingEvent {
  if (typeof data !== "object" || data === null) throw invalidFields([{ field: "data", message: "must be an object" }]);
  // Copies `version` and `order` as JSON carries them; `type` and `id` are only checked.
  const copy = JSON.parse(encode({ type, id, version, order }, "")) as Partial<OutgoingEvent>;
  return { channel, type, data: encode(data, "data"), id, version: copy.version ?? null, order: copy.order ?? null };
}

/** @throws {PublishError} that names every event which cannot be sent as it is. */
function parseBatch(events: readonly BatchEvent[], ids: string[]): (OutgoingEvent | Rejected)[] {
  const errors: FieldError[] = [];
  const parsed = events.flatMap((event, i) => {
    try {
      return [parseBatchEvent(event, ids[i] ?? "")];
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      errors.push(...error.errors.map(({ field, message }) => ({ field: `events[${i}].${field}`, message })));
      return [];
    }
  });
  if (errors.length > 0) throw invalidFields(errors);
  return parsed;
}

function parseBatchEvent(event: BatchEvent, id: string): OutgoingEvent | Rejected {
  const channel = parseChannelName(String(event?.channel));
  if (channel) return outgoing({ ...event, id, channel: channel.name });
  // Not `problem()`: bundles would contain the whole table of refusals.
  const error = {
    type: "urn:tidings:problem:validation_failed",
    title: "Some fields are not valid",
    status: 422,
    errors: [{ field: "channel", message: CHANNEL_RULE }],
  };
  return { id, status: "rejected", error };
}
