import { Redis } from "@upstash/redis/cloudflare";
import type { RedisConfig } from "../../config/config.ts";

/** The only module that uses Upstash's library. */

const TIMEOUT_MS = 5000;

/**
 * Thrown when a command fails.
 * - `refused`: Redis answered with an error.
 * - `unavailable`: no reply, or an invalid one. The command may have been executed all the same.
 */
export class RedisError extends Error {
  readonly kind: "refused" | "unavailable";
  constructor(kind: RedisError["kind"], message: string) {
    super(message);
    this.name = "RedisError";
    this.kind = kind;
  }
}

/** Sends commands to Upstash Redis over REST. */
export class RedisClient {
  readonly #redis: Redis;

  constructor({ url, token }: RedisConfig) {
    this.#redis = new Redis({
      url,
      token,
      // Values stay text: parsing would change large numbers and mishandle `__proto__`.
      automaticDeserialization: false,
      enableTelemetry: false,
      enableAutoPipelining: false,
      // Callers decide about retries. The library's own would take seconds and could repeat an XADD.
      retry: { retries: 0 },
      signal: () => AbortSignal.timeout(TIMEOUT_MS),
    });
  }

  /** Upstash's token that makes reads see earlier writes on any replica; stored with the cursor. */
  get syncToken(): string {
    return this.#redis.readYourWritesSyncToken ?? "";
  }
  set syncToken(token: string) {
    this.#redis.readYourWritesSyncToken = token;
  }

  /** Returns the reply, unparsed. @throws {RedisError} whose message contains nothing of the command. */
  async command(...words: [string, ...(string | number)[]]): Promise<unknown> {
    try {
      return await this.#redis.exec<unknown>(words);
    } catch (error) {
      throw redacted(error);
    }
  }

  /**
   * Calls `onMessage` for every message on a channel from the time the promise resolves. The library does not report
   * the end of the underlying stream, so callers should renew a subscription from time to time.
   * @returns A function that ends the subscription.
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
    const timer = setTimeout(
      () => subscribed.reject(new RedisError("unavailable", "no confirmation of the subscription")),
      TIMEOUT_MS,
    );
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

/** The library's messages contain the whole command, payload included. Keeps only what Redis itself said. */
function redacted(error: unknown): RedisError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === "UpstashError") {
    const said = message.split(", command was:")[0] ?? "";
    // Redis' own errors begin with a word in capitals, such as ERR or WRONGTYPE.
    return new RedisError(/^[A-Z]{3,}\b/.test(said) ? "refused" : "unavailable", said.slice(0, 200));
  }
  return new RedisError("unavailable", name === "UpstashJSONParseError" ? "not a reply of Redis" : name);
}
