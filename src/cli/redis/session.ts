import { ErrorReply } from "@redis/client";
import * as z from "zod";
import { parseJson } from "../../protocol/json.ts";
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
const upstashAnswer = z.union([
  z.array(z.object({ result: z.unknown().optional(), error: z.string().optional() })),
  z.object({ error: z.string() }),
]);

/** Sends pipelines over REST (https://upstash.com/docs/redis/features/restapi). */
function upstashSession({ url, token }: Extract<RedisTarget, { kind: "upstash" }>): RedisSession {
  const settings = `${url.source} and ${token.source}`;
  const unreachable = (reason: string) => redisUnreachable(url.value, reason, `Check ${settings}`);
  const answerTo = async (commands: RedisCommand[]) => {
    try {
      const response = await fetch(`${url.value.replace(/\/$/, "")}/pipeline`, {
        method: "POST",
        headers: { Authorization: `Bearer ${token.value}`, "Content-Type": "application/json" },
        body: JSON.stringify(commands),
        signal: AbortSignal.timeout(UPSTASH_TIMEOUT_MS),
      });
      return upstashAnswer.safeParse(parseJson(await response.text())).data;
    } catch (error) {
      throw unreachable(connectionFailure(error, UPSTASH_TIMEOUT_MS));
    }
  };
  return {
    async run(commands) {
      const answer = await answerTo(commands);
      if (answer === undefined) throw unreachable("the answer is not Upstash's");
      if (Array.isArray(answer)) {
        return answer.map(({ result, error }) => (error === undefined ? result : new Error(error)));
      }
      if (/unauthorized|WRONGPASS|NOPERM/i.test(answer.error)) throw refusedByRedis(answer.error, settings);
      // Redis' own errors begin with a word in capitals.
      throw /^[A-Z]{3,}\b/.test(answer.error) ? refusedByRedis(answer.error) : unreachable(answer.error);
    },
    close: () => {},
  };
}

function redisUnreachable(url: string, reason: string, remedy: string): CommandError {
  return new CommandError(EXIT.unreachable, `Cannot reach Redis at ${url}: ${reason}. ${remedy}.`);
}

/** @param settings The settings to check, if they may be the reason. */
export function refusedByRedis(message: string, settings?: string): CommandError {
  const remedy = settings === undefined ? "" : `${message.endsWith(".") ? "" : "."} Check ${settings}.`;
  return new CommandError(EXIT.failed, `Redis refused it: ${message}${remedy}`);
}
