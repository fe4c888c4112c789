import { isFrameTooLarge } from "../../protocol/frames.ts";
import { MAX_EVENT_BYTES, type OutgoingEvent } from "../../protocol/publish-call.ts";
import { DEFAULT_STREAM, DOORBELL, entryFields } from "../../protocol/stream.ts";
import { BasePublisher } from "./base-publisher.ts";
import type { Publisher, Queued, Rejected } from "./events.ts";
import { PublishError } from "./publish-error.ts";
import { DEFAULT_DEADLINE_MS, DEFAULT_MAX_TRIES, type RetryOptions, refuseBadLimits, withRetries } from "./retry.ts";
import { untilDeadline } from "./until-deadline.ts";

/** The status of an event that is too large (RFC 9110, section 15.5.14). */
const CONTENT_TOO_LARGE = 413;

/** How long a publisher waits for Redis to confirm the doorbell. */
const DOORBELL_WAIT_MS = 1000;

/** A Redis client: `@upstash/redis`, or a function that sends one command. */
export type StreamRedis =
  | {
      xadd(key: string, id: "*", fields: Record<string, string>): Promise<unknown>;
      publish(channel: string, message: string): Promise<unknown>;
    }
  | { command(...words: string[]): Promise<unknown> };

export interface StreamPublisherOptions extends RetryOptions {
  /**
   * The Redis that the service reads from.
   * @example new Redis({ url, token })                                                // @upstash/redis
   * @example { command: (...words) => client.sendCommand(words) }                     // redis
   * @example { command: (name, ...words) => client.call(name, ...words) }             // ioredis
   */
  redis: StreamRedis;
  /** The service's `REDIS_STREAM`. Default `tidings:events`. */
  stream?: string | undefined;
}

/**
 * Creates a publisher that writes to the Redis stream. Its answer means that the event is in the stream: the service
 * validates the event when it reads it, and moves one that it cannot deliver to `tidings:dead`. What JSON cannot carry
 * without change is refused before anything is written, as by `createPublisher`.
 * @throws {TypeError} for an invalid limit.
 */
export function createStreamPublisher(options: StreamPublisherOptions): Publisher<Queued> {
  const { redis, stream = DEFAULT_STREAM, maxTries = DEFAULT_MAX_TRIES, deadlineMs = DEFAULT_DEADLINE_MS } = options;
  refuseBadLimits({ maxTries, deadlineMs });

  async function add(event: OutgoingEvent, deadline: number): Promise<Queued> {
    // The service may still add an order's id and the time; an event that is too large only then becomes a dead letter.
    if (isFrameTooLarge(event)) {
      throw new PublishError(`The event is larger than ${MAX_EVENT_BYTES} bytes`, { status: CONTENT_TOO_LARGE });
    }
    const fields = entryFields(event);
    // A try whose answer is lost may have written the entry. Both entries have the event's id, which is applied once.
    await withRetries(maxTries, deadline, () => untilDeadline(deadline, () => xadd(fields)).catch(throwPublishError));
    return { id: event.id, channel: event.channel, status: "queued" };
  }

  const xadd = (fields: [string, string][]) =>
    "command" in redis
      ? redis.command("XADD", stream, "*", ...fields.flat())
      : redis.xadd(stream, "*", Object.fromEntries(fields));

  /** Wakes the service. Ignores failures and delay, because the service finds the entry a little later anyway. */
  async function ringDoorbell(deadline: number): Promise<void> {
    const call = () => ("command" in redis ? redis.command("PUBLISH", DOORBELL, "1") : redis.publish(DOORBELL, "1"));
    await untilDeadline(Math.min(deadline, Date.now() + DOORBELL_WAIT_MS), call).catch(() => {});
  }

  return new BasePublisher<Queued>({
    async one(event) {
      const deadline = Date.now() + deadlineMs;
      const queued = await add(event, deadline);
      await ringDoorbell(deadline);
      return queued;
    },
    many(events) {
      const deadline = Date.now() + deadlineMs;
      // One at a time, because the order in the stream is the order of delivery. After a failed write, no later event is
      // written.
      let previous: Promise<unknown> = Promise.resolve();
      const added = events.map((event) => {
        const result = previous
          .then(() => add(event, deadline))
          // An event that is too large does not stop the others.
          .catch((error: unknown) => rejected(error, event.id));
        previous = result;
        return result;
      });
      const doorbell = Promise.allSettled(added).then(() => ringDoorbell(deadline));
      return added.map((queued) => queued.then((result) => doorbell.then(() => result)));
    },
    sendNow() {},
  });
}

function rejected(error: unknown, id: string): Rejected {
  if (!(error instanceof PublishError) || error.status !== CONTENT_TOO_LARGE) throw error;
  return { id, status: "rejected", error: { type: "about:blank", title: error.message, status: CONTENT_TOO_LARGE } };
}

/** Errors that a retry cannot fix, unlike "LOADING" or "READONLY". */
const PERMANENT_ERROR = /\b(ERR|WRONGTYPE|WRONGPASS|NOAUTH|NOPERM|Unauthorized)\b/;

function throwPublishError(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  // `@upstash/redis` appends the whole command, and with it the event.
  const reply = message.split(/,? ?command was:/i)[0] ?? "";
  throw new PublishError(`Cannot write to the Redis stream: ${reply}`, { isRetryable: !PERMANENT_ERROR.test(reply) });
}
