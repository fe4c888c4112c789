import { MAX_EVENT_BYTES, type Queued } from "../../protocol/publish-call.ts";
import { DEFAULT_STREAM, DOORBELL, entryFields, entryLength } from "../../protocol/stream.ts";
import { BasePublisher } from "./base-publisher.ts";
import type { OutgoingEvent, Publisher, Rejected } from "./events.ts";
import { PublishError, withIds } from "./publish-error.ts";
import { DEFAULT_DEADLINE_MS, DEFAULT_MAX_TRIES, type RetryOptions, withRetries } from "./retry.ts";
import { untilDeadline } from "./until-deadline.ts";

/** The HTTP status of an event that is too large (RFC 9110, section 15.5.14). */
const TOO_LARGE = 413;

/** A client of Redis: one as `@upstash/redis` has it, or a function that sends one command. */
export type StreamRedis =
  | {
      xadd(key: string, id: "*", fields: Record<string, string>): Promise<unknown>;
      publish(channel: string, message: string): Promise<unknown>;
    }
  | { command(...words: string[]): Promise<unknown> };

export interface StreamPublisherOptions extends RetryOptions {
  /**
   * The Redis that the service reads.
   * @example new Redis({ url, token })                                                // @upstash/redis
   * @example { command: (...words) => client.sendCommand(words) }                     // redis
   * @example { command: (name, ...words) => client.call(name, ...words) }             // ioredis
   */
  redis: StreamRedis;
  /** The service's `REDIS_STREAM`. Default `tidings:events`. */
  stream?: string | undefined;
}

/**
 * A publisher that writes to the Redis stream. What it answers is that an event is in the stream: the service checks
 * it when it reads it, and puts what it cannot deliver on `tidings:dead`.
 */
export function createStreamPublisher(options: StreamPublisherOptions): Publisher<Queued> {
  const { redis, stream = DEFAULT_STREAM, maxTries = DEFAULT_MAX_TRIES, deadlineMs = DEFAULT_DEADLINE_MS } = options;

  async function add(event: OutgoingEvent, deadline: number): Promise<Queued> {
    const fields = entryFields(event);
    if (entryLength(fields) > MAX_EVENT_BYTES) {
      throw new PublishError(`The event is larger than ${MAX_EVENT_BYTES} bytes`, {
        status: TOO_LARGE,
        ids: [event.id],
      });
    }
    try {
      // A try whose answer was lost may have written the entry. Both have the event's id, which is applied once.
      await withRetries(maxTries, deadline, () => untilDeadline(deadline, () => xadd(fields)).catch(throwPublishError));
    } catch (error) {
      throw error instanceof PublishError ? withIds(error, [event.id]) : error;
    }
    return { id: event.id, channel: event.channel, status: "queued" };
  }

  const xadd = (fields: [string, string][]) =>
    "command" in redis
      ? redis.command("XADD", stream, "*", ...fields.flat())
      : redis.xadd(stream, "*", Object.fromEntries(fields));

  /** What is in the stream is found without the bell, too, a little later. */
  async function ring(deadline: number): Promise<void> {
    const call = () => ("command" in redis ? redis.command("PUBLISH", DOORBELL, "1") : redis.publish(DOORBELL, "1"));
    await untilDeadline(deadline, call).catch(() => {});
  }

  return new BasePublisher<Queued>({
    async one(event) {
      const deadline = Date.now() + deadlineMs;
      const queued = await add(event, deadline);
      await ring(deadline);
      return queued;
    },
    many(events) {
      const deadline = Date.now() + deadlineMs;
      // One after the other, because their order in the stream is the order that counts; what comes after one that
      // could not be written is not written either.
      let previous: Promise<unknown> = Promise.resolve();
      const added = events.map((event) => {
        const own = previous.then(() => add(event, deadline));
        // One that is too large is refused, which stops no other one.
        const result = own.catch((error: unknown) => rejected(error, event.id));
        previous = result;
        return result;
      });
      const rung = Promise.allSettled(added).then(() => ring(deadline));
      return added.map((queued) => queued.then((result) => rung.then(() => result)));
    },
    hurry() {},
  });
}

function rejected(error: unknown, id: string): Rejected {
  if (!(error instanceof PublishError) || error.status !== TOO_LARGE) throw error;
  return { id, status: "rejected", error: { type: "about:blank", title: error.message, status: TOO_LARGE } };
}

/** What Redis says again however often it is asked; "LOADING", "READONLY" and the like pass. */
const LASTING_ERROR = /\b(ERR|WRONGTYPE|WRONGPASS|NOAUTH|NOPERM|Unauthorized)\b/;

function throwPublishError(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  // `@upstash/redis` puts the whole command, and with it the event, behind these words.
  const said = message.split(/,? ?command was:/i)[0] ?? "";
  throw new PublishError(`Cannot write to the Redis stream: ${said}`, { isRetryable: !LASTING_ERROR.test(said) });
}
