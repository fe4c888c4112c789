import { BasePublisher } from "./base-publisher.ts";
import { type BatchOptions, BatchQueue } from "./batch-queue.ts";
import type { OutgoingEvent, PublishAnswer, Publisher } from "./events.ts";
import { PublishError, refusalError, withIds } from "./publish-error.ts";
import { DEFAULT_DEADLINE_MS, DEFAULT_MAX_TRIES, type RetryOptions, withRetries } from "./retry.ts";
import { ServiceCall, type ServiceOptions } from "./service-call.ts";
import { eventJson, isAnswer, publishPath } from "./wire.ts";

/** The entry `tidings/publisher`: publishers for services. */

export type {
  EventType,
  OrderEvents,
  OrderEventType,
  ProductEvents,
  ProductEventType,
} from "../../protocol/event-data.ts";
export type { OrderRegistration, PublishResult, Queued } from "../../protocol/publish-call.ts";
export type { FieldError, Problem } from "../../protocol/refusals.ts";
export type { BatchOptions } from "./batch-queue.ts";
export type {
  BatchEvent,
  OrderPublishOptions,
  PublishAnswer,
  Publisher,
  PublishOptions,
  Rejected,
} from "./events.ts";
export { PublishError } from "./publish-error.ts";
export type { RetryOptions } from "./retry.ts";
export type { PublishRequest, ServiceOptions } from "./service-call.ts";
export { createStreamPublisher, type StreamPublisherOptions, type StreamRedis } from "./stream-publisher.ts";

export interface PublisherOptions extends ServiceOptions, RetryOptions {
  /** Combines events that are published at nearly the same time into one call. Default: one call per event. */
  batch?: BatchOptions | undefined;
}

/**
 * Creates a publisher over HTTP. It retries network errors, 5xx and 429 with the same id, so that the event is applied
 * once, and throws any other refusal immediately.
 *
 * In a Worker, create a publisher with `batch` for each request, and pass `publisher.flush()` to `ctx.waitUntil`.
 *
 * @throws {TypeError} for an invalid URL or key.
 * @example
 * const publisher = createPublisher({ url: "https://tidings.example.workers.dev", key: process.env.TIDINGS_KEY });
 * await publisher.publishOrderUpdate(order.id, "order_shipped", { carrier: "UPS", tracking_number: "1Z999" });
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { maxTries = DEFAULT_MAX_TRIES, deadlineMs = DEFAULT_DEADLINE_MS, batch } = options;
  const service = new ServiceCall(options);
  const queue = new BatchQueue(service, { maxTries, deadlineMs }, batch ?? { maxEvents: Number.POSITIVE_INFINITY });

  async function publishAlone(event: OutgoingEvent): Promise<PublishAnswer> {
    const deadline = Date.now() + deadlineMs;
    const body = eventJson(event, false);
    try {
      const answer = await withRetries(maxTries, deadline, () =>
        service.post(publishPath(event.channel), body, deadline),
      );
      if (isAnswer(answer)) return answer;
      throw new PublishError("The answer is not Tidings' own: is it the service's address?");
    } catch (error) {
      throw error instanceof PublishError ? withIds(error, [event.id]) : error;
    }
  }

  async function publishInBatch(event: OutgoingEvent): Promise<PublishAnswer> {
    const result = await queue.add(event);
    if (result.status === "rejected") throw refusalError(result.error, { ids: [event.id] });
    return result;
  }

  return new BasePublisher<PublishAnswer>({
    one: batch ? publishInBatch : publishAlone,
    many(events) {
      const results = events.map((event) => queue.add(event));
      queue.sendNow();
      return results;
    },
    sendNow: () => queue.sendNow(),
  });
}
