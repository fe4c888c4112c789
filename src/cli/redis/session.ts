import { ErrorReply } from "@redis/client";
import { Redis } from "@upstash/redis";
import * as z from "zod";
import { CommandError, EXIT } from "../shared/command-error.ts";
import type { RedisTarget } from "../shared/settings.ts";
import { openConnection, type RedisCommand, type Reply, reasonFor } from "./connection.ts";
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
        throw redisUnreachable(shownRedisUrl(url), reasonFor(error), "Start a Redis there, or set REDIS_URL");
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

const TIMEOUT_MS = 10_000;
const replies = z.array(z.object({ result: z.unknown(), error: z.string().optional() }));

/** The library, with pipelines of any commands. */
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
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  return {
    async run(commands) {
      try {
        const parsed = replies.parse(await redis.pipelined(commands));
        return parsed.map(({ result, error }) => (error === undefined ? result : new Error(error)));
      } catch (error) {
        // The library's messages contain the commands.
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        const reply = message.split(", command was:")[0] ?? "";
        if (name === "UpstashError" && /unauthorized|WRONGPASS|NOPERM/i.test(reply)) {
          throw new CommandError(EXIT.failed, `Redis refused it: ${reply}. Check ${url.source} and ${token.source}.`);
        }
        const reason = name === "UpstashError" ? reply : name;
        throw redisUnreachable(url.value, reason, `Check ${url.source} and ${token.source}`);
      }
    },
    close: () => {},
  };
}

function redisUnreachable(url: string, reason: string, remedy: string): CommandError {
  return new CommandError(EXIT.unreachable, `Cannot reach Redis at ${url}: ${reason}. ${remedy}.`);
}
