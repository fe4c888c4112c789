import { openConnection, RedisUnavailable } from "./connection.ts";

/** Whether a Redis can be reached, and if not, why. */

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
