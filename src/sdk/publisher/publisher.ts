import { publishPath } from "../../protocol/paths.ts";
import type { OutgoingEvent } from "../../protocol/publish-call.ts";
import { BasePublisher } from "./base-publisher.ts";
import { type BatchOptions, BatchQueue } from "./batch-queue.ts";
import type { PublishAnswer, Publisher } from "./events.ts";
import { PublishError, refusalError } from "./publish-error.ts";
import { DEFAULT_DEADLINE_MS, DEFAULT_MAX_TRIES, type RetryOptions, refuseBadLimits, withRetries } from "./retry.ts";
import { createServiceCall, type ServiceOptions } from "./service-call.ts";
import { eventJson, isAnswer } from "./wire.ts";

/** The entry `tidings/publisher`: publishers for services. */

export type {
  EventType,
  ExtraOrderEvents,
  ExtraProductEvents,
  OrderEvents,
  OrderEventType,
  ProductEvents,
  ProductEventType,
  ProductId,
} from "../../protocol/event-data.ts";
export type { OrderInput, PublishResult } from "../../protocol/publish-call.ts";
export type { FieldError, Problem } from "../../protocol/refusals.ts";
export type { BatchOptions } from "./batch-queue.ts";
export type {
  BatchEvent,
  OrderPublishOptions,
  PublishAnswer,
  Publisher,
  PublishOptions,
  Queued,
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
 * Creates a publisher over HTTP. It retries network errors, 5xx and 429 with the same id, so that an event is applied
 * once; any other refusal is thrown immediately. It waits as long as the service asks (`Retry-After`), and fails at once
 * when that is beyond the deadline.
 *
 * What JSON cannot carry without change is refused before anything is sent, with the field's path: NaN, Infinity,
 * integers beyond 2^53, BigInt, invalid dates, undefined in an array, functions, symbols, Map, Set and the like, half of
 * a surrogate pair, and objects that contain themselves.
 *
 * In a Worker, create a publisher with `batch` for each request, and pass `publisher.flush()` to `ctx.waitUntil`.
 *
 * @throws {TypeError} for an invalid URL, key or limit.
 * @example
 * const publisher = createPublisher({ url: "https://tidings.example.workers.dev", key: process.env.TIDINGS_KEY });
 * await publisher.publishOrderUpdate(order.id, "order_shipped", { carrier: "UPS", tracking_number: "1Z999" });
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { maxTries = DEFAULT_MAX_TRIES, deadlineMs = DEFAULT_DEADLINE_MS, batch } = options;
  refuseBadLimits({ maxTries, deadlineMs, timeoutMs: options.timeoutMs, ...batch });
  const call = createServiceCall(options);
  // Without `batch`, only `publishBatch` uses the queue, whose calls are as large as the service allows.
  const queue = new BatchQueue(call, { maxTries, deadlineMs }, batch ?? { maxEvents: Number.POSITIVE_INFINITY });

  async function publishAlone(event: OutgoingEvent): Promise<PublishAnswer> {
    const deadline = Date.now() + deadlineMs;
    const body = eventJson(event, false);
    const answer = await withRetries(maxTries, deadline, () => call(publishPath(event.channel), body, deadline));
    if (isAnswer(answer)) return answer;
    throw new PublishError("The answer does not come from Tidings: is the URL the service's address?");
  }

  async function publishInBatch(event: OutgoingEvent): Promise<PublishAnswer> {
    const result = await queue.add(event);
    if (result.status === "rejected") throw refusalError(result.error);
    return result;
  }

  return new BasePublisher<PublishAnswer>({
    one: batch ? publishInBatch : publishAlone,
    many(events) {
      const group = Symbol();
      const results = events.map((event) => queue.add(event, group));
      queue.sendNow();
      return results;
    },
    sendNow: () => queue.sendNow(),
  });
}
