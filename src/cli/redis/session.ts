import { ErrorReply } from "@redis/client";
import { Redis } from "@upstash/redis";
import * as z from "zod";
import { CommandError, EXIT } from "../shared/command-error.ts";
import { connectionFailure } from "../shared/connection-failure.ts";
import type { RedisTarget } from "../shared/settings.ts";
import { openConnection, REDIS_TIMEOUT_MS, type RedisCommand, type Reply } from "./connection.ts";
import { shownRedisUrl } from "./url.ts";

/** A series of commands to one Redis, whichever protocol it speaks. */
export interface RedisSession {
  /**
   * Runs commands in order.
   * @returns Their replies, with text as strings. A command that Redis refuses has an `Error` instead.
   * @throws {CommandError} when Redis cannot be reached.
   */
  run(commands: RedisCommand[]): Promise<unknown[]>;
  close(): void;
}

export function openSession(target: RedisTarget): RedisSession {
  return target.kind === "upstash" ? upstashSession(target) : redisSession(target.url);
}

function redisSession(url: string): RedisSession {
  const connection = openConnection(url);
  return {
    async run(commands) {
      try {
        return (await connection.run(commands)).map(replyText);
      } catch (error) {
        const reason = connectionFailure(error, REDIS_TIMEOUT_MS);
        throw redisUnreachable(
          shownRedisUrl(url),
          reason,
          "Start a Redis there, or set REDIS_URL to the address of yours",
        );
      }
    },
    close: () => connection.close(),
  };
}

function replyText(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(replyText);
  if (reply instanceof ErrorReply) return new Error(reply.message);
  return Buffer.isBuffer(reply) ? reply.toString() : reply;
}

/** Longer than for Redis itself: the database may be far away, and a reply may have up to 10 MB. */
const UPSTASH_TIMEOUT_MS = 10_000;
const upstashReplies = z.array(z.object({ result: z.unknown(), error: z.string().optional() }));

/** `@upstash/redis`, with pipelines of arbitrary commands. */
class UpstashLibrary extends Redis {
  async pipelined(commands: RedisCommand[]): Promise<unknown> {
    return this.client.request({ path: ["pipeline"], body: commands });
  }
}

function upstashSession({ url, token }: Extract<RedisTarget, { kind: "upstash" }>): RedisSession {
  const redis = new UpstashLibrary({
    url: url.value,
    token: token.value,
    automaticDeserialization: false,
    enableTelemetry: false,
    // `retry: false` would still try twice.
    retry: { retries: 0 },
    // Given an AbortSignal itself instead of a function, the library would return "Aborted" as a result.
    signal: () => AbortSignal.timeout(UPSTASH_TIMEOUT_MS),
  });
  const settings = `${url.source} and ${token.source}`;
  return {
    async run(commands) {
      try {
        const replies = upstashReplies.parse(await redis.pipelined(commands));
        return replies.map(({ result, error }) => (error === undefined ? result : new Error(error)));
      } catch (error) {
        throw upstashFailure(error, url.value, settings);
      }
    },
    close: () => {},
  };
}

/** Maps the library's errors. Their messages may contain the whole command, or an HTML page in place of an answer. */
function upstashFailure(error: unknown, url: string, settings: string): CommandError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name !== "UpstashError") {
    const isForeign = error instanceof z.ZodError || name === "UpstashJSONParseError";
    const reason = isForeign ? "the answer is not Upstash's" : connectionFailure(error, UPSTASH_TIMEOUT_MS);
    return redisUnreachable(url, reason, `Check ${settings}`);
  }
  const reply = message.split(", command was:")[0] ?? "";
  if (/unauthorized|WRONGPASS|NOPERM/i.test(reply)) return refusedByRedis(reply, settings);
  // Redis' own errors begin with a word in capitals.
  return /^[A-Z]{3,}\b/.test(reply) ? refusedByRedis(reply) : redisUnreachable(url, reply, `Check ${settings}`);
}

function redisUnreachable(url: string, reason: string, remedy: string): CommandError {
  return new CommandError(EXIT.unreachable, `Cannot reach Redis at ${url}: ${reason}. ${remedy}.`);
}

/** @param settings The settings to check, if they may be the reason. */
export function refusedByRedis(message: string, settings?: string): CommandError {
  const remedy = settings === undefined ? "" : `${message.endsWith(".") ? "" : "."} Check ${settings}.`;
  return new CommandError(EXIT.failed, `Redis refused it: ${message}${remedy}`);
}
