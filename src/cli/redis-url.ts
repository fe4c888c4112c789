import { openConnection, RedisUnavailable } from "./bridge/connection.ts";
import { usageError } from "./outcome.ts";
import type { Terminal } from "./terminal.ts";

/** The Redis on this machine, or wherever `REDIS_URL` says. */

export const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";

/** @throws {CommandError} when `REDIS_URL` is no address of a Redis. */
export function redisUrlOf({ env }: Pick<Terminal, "env">): string {
  const url = env.REDIS_URL?.trim() || DEFAULT_REDIS_URL;
  if (/^rediss?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
  throw usageError(`REDIS_URL must be a redis:// or rediss:// address, such as ${DEFAULT_REDIS_URL}.`);
}

/** An address without its user and password, to be shown. */
export function shownRedisUrl(redisUrl: string): string {
  const { protocol, host, pathname } = new URL(redisUrl);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

/** Why Redis cannot be used; null when it answers. */
export async function whyRedisIsAway(redisUrl: string): Promise<string | null> {
  const connection = openConnection(redisUrl);
  try {
    const [reply] = await connection.run([["PING"]]);
    return reply instanceof Error ? reply.message : null;
  } catch (error) {
    return reasonOf(error);
  } finally {
    connection.close();
  }
}

/** What went wrong with a connection, in the words of the system or of Redis. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof RedisUnavailable ? error.cause : error;
  // An address of several numbers fails as a group, which has no message.
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  return first instanceof Error ? first.message : String(first);
}
