import { Redis } from "@upstash/redis/cloudflare";
import * as z from "zod";
import type { RedisConfig } from "../../config/config.ts";
import { withinTimeLimit } from "../../runtime/time-limit.ts";

/** The only module of the Worker that uses Upstash's library. */

const TIMEOUT_MS = 5000;

/**
 * Thrown when a command fails.
 * - `refused`: Redis answered with an error.
 * - `unavailable`: no reply, or an invalid one. The command may still have been executed.
 */
export class RedisError extends Error {
  readonly kind: "refused" | "unavailable";
  constructor(kind: RedisError["kind"], message: string) {
    super(message);
    this.name = "RedisError";
    this.kind = kind;
  }
}

/** A command and its arguments. */
export type Command = [name: string, ...args: (string | number)[]];

/** The reply to one command of several. */
export type CommandReply = { ok: true; result: unknown } | { ok: false; error: RedisError };

/** The library, with the requests that it has no method for. */
class UpstashClient extends Redis {
  /** Sends commands that are run in order, but not as a transaction. */
  async pipelined(commands: Command[]): Promise<unknown> {
    return this.client.request({ path: ["pipeline"], body: commands });
  }

  /** Runs a command and leaves the strings of its reply in base64. Only with `responseEncoding: false`. */
  async encoded(command: Command): Promise<unknown> {
    const { result } = await this.client.request({ body: command, headers: { "Upstash-Encoding": "base64" } });
    return result;
  }
}

const pipelineReplies = z.array(z.object({ result: z.unknown(), error: z.string().optional() }));

/** Sends commands to Upstash Redis over REST. */
export class RedisClient {
  readonly #redis: UpstashClient;
  /** For replies as bytes: the library's own decoding replaces what is not UTF-8. */
  readonly #undecoded: UpstashClient;

  constructor({ url, token }: RedisConfig) {
    const options = {
      url,
      token,
      // Values stay text: parsing would change large numbers and mishandle `__proto__`.
      automaticDeserialization: false,
      enableTelemetry: false,
      enableAutoPipelining: false,
      // Callers decide about retries. The library's own would take seconds and could repeat an XADD.
      retry: { retries: 0 },
      signal: () => AbortSignal.timeout(TIMEOUT_MS),
    };
    this.#redis = new UpstashClient(options);
    this.#undecoded = new UpstashClient({ ...options, responseEncoding: false });
  }

  /** Upstash's token that makes reads see earlier writes on any replica; stored with the cursor. */
  get syncToken(): string {
    return this.#redis.readYourWritesSyncToken ?? "";
  }
  set syncToken(token: string) {
    this.#redis.readYourWritesSyncToken = token;
  }

  /** Returns the reply, unparsed. @throws {RedisError} whose message contains nothing of the command. */
  async command(...words: Command): Promise<unknown> {
    try {
      return await this.#redis.exec<unknown>(words);
    } catch (error) {
      throw redacted(error);
    }
  }

  /** Runs commands in order and returns a reply for each. @throws {RedisError} without a reply. */
  async pipeline(commands: Command[]): Promise<CommandReply[]> {
    try {
      const replies = pipelineReplies.parse(await this.#redis.pipelined(commands));
      if (replies.length !== commands.length) throw new RedisError("unavailable", "replies are missing");
      return replies.map(({ result, error }): CommandReply => {
        return error === undefined
          ? { ok: true, result }
          : { ok: false, error: new RedisError("refused", error.slice(0, 200)) };
      });
    } catch (error) {
      throw error instanceof RedisError ? error : redacted(error);
    }
  }

  /** Returns the reply with its strings as base64 of their bytes. @throws {RedisError} */
  async encodedCommand(...words: Command): Promise<unknown> {
    try {
      this.#undecoded.readYourWritesSyncToken = this.syncToken;
      return await this.#undecoded.encoded(words);
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
    try {
      await withinTimeLimit(subscribed.promise, TIMEOUT_MS, () => {
        throw new RedisError("unavailable", "no confirmation of the subscription");
      });
      return end;
    } catch (error) {
      end();
      throw error;
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
