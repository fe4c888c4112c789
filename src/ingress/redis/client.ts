import { Redis } from "@upstash/redis/cloudflare";
import type { RedisConfig } from "../../config/config.ts";

/** Upstash Redis, as much of it as is needed: the one place where its library enters. */

const TIMEOUT_MS = 5000;

/**
 * Redis did not do what it was asked.
 * - `refused`: it answered, and said no to this command.
 * - `unavailable`: no answer, or none that makes sense; the command may or may not have been carried out.
 */
export class RedisError extends Error {
  readonly kind: "refused" | "unavailable";
  constructor(kind: RedisError["kind"], message: string) {
    super(message);
    this.name = "RedisError";
    this.kind = kind;
  }
}

export class RedisClient {
  readonly #redis: Redis;

  constructor({ url, token }: RedisConfig) {
    this.#redis = new Redis({
      url,
      token,
      // Values stay the text they are: parsing would change large numbers and trip over `__proto__`.
      automaticDeserialization: false,
      enableTelemetry: false,
      enableAutoPipelining: false,
      // Who calls decides about another try. The library's own would take seconds, and repeat an XADD.
      retry: { retries: 0 },
      signal: () => AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  /** What makes reads see earlier writes, on whichever replica they land; kept with a cursor. */
  get syncToken(): string {
    return this.#redis.readYourWritesSyncToken ?? "";
  }
  set syncToken(token: string) {
    this.#redis.readYourWritesSyncToken = token;
  }

  /** @returns The reply, to be parsed. @throws {RedisError} whose message holds nothing of the command. */
  async command(...words: [string, ...(string | number)[]]): Promise<unknown> {
    try {
      return await this.#redis.exec<unknown>(words);
    } catch (error) {
      throw redacted(error);
    }
  }

  /**
   * Calls back for every message on a channel, from when the promise is settled.
   * The library says nothing when the stream behind it ends, so a subscription is to be renewed from time to time.
   * @returns What ends it.
   */
  async subscribe(channel: string, onMessage: () => void): Promise<() => void> {
    const subscriber = this.#redis.subscribe(channel);
    const subscribed = Promise.withResolvers<void>();
    subscriber.on("message", onMessage);
    subscriber.on("subscribe", () => subscribed.resolve());
    subscriber.on("error", (error) => subscribed.reject(redacted(error)));
    const end = () => {
      subscriber.removeAllListeners();
      subscriber.unsubscribe().catch(() => {});
    };
    const timer = setTimeout(() => subscribed.reject(new RedisError("unavailable", "no subscription")), TIMEOUT_MS);
    try {
      await subscribed.promise;
      return end;
    } catch (error) {
      end();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The library's messages hold the whole command, payload included; only what Redis itself said is kept. */
function redacted(error: unknown): RedisError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === "UpstashError") {
    const said = message.split(", command was:")[0] ?? "";
    // An error of Redis begins with a word in capitals, such as ERR or WRONGTYPE.
    return new RedisError(/^[A-Z]{3,}\b/.test(said) ? "refused" : "unavailable", said.slice(0, 200));
  }
  return new RedisError("unavailable", name === "UpstashJSONParseError" ? "not an answer of Redis" : name);
}
