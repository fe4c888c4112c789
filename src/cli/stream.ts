import { openConnection } from "./bridge/connection.ts";
import { CommandError, EXIT } from "./outcome.ts";
import { reasonOf, shownRedisUrl } from "./redis-url.ts";
import type { RedisTarget } from "./settings.ts";
import { addThroughUpstash } from "./stream-upstash.ts";

/** What an event becomes in the stream. All values are text. */
export interface NewEntry {
  stream: string;
  fields: Record<string, string>;
  /** Rung after it was written, so that the stream is read at once. */
  doorbell: string;
}

/** What Redis said to it. */
export interface AddedEntry {
  id: string;
  /** How many heard the doorbell; null when it could not be rung. */
  heardBy: number | null;
}

/**
 * Adds an entry to a stream and rings the doorbell. It is tried once: another try could write it twice.
 * @throws {CommandError} when Redis refuses it or cannot be reached.
 */
export function addEntry(target: RedisTarget, entry: NewEntry): Promise<AddedEntry> {
  return target.kind === "upstash" ? addThroughUpstash(target, entry) : addThroughRedis(target.url, entry);
}

async function addThroughRedis(redisUrl: string, { stream, fields, doorbell }: NewEntry): Promise<AddedEntry> {
  const connection = openConnection(redisUrl);
  try {
    const [id, heardBy] = await connection.run([
      ["XADD", stream, "*", ...Object.entries(fields).flat()],
      ["PUBLISH", doorbell, "1"],
    ]);
    if (id instanceof Error) throw refused(id.message);
    return { id: String(id), heardBy: typeof heardBy === "number" ? heardBy : null };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw unreachableRedis(
      shownRedisUrl(redisUrl),
      reasonOf(error),
      "Start a Redis there, or say where it is with REDIS_URL",
    );
  } finally {
    connection.close();
  }
}

export const refused = (message: string) => new CommandError(EXIT.failed, `Redis refused it: ${message}`);

/** @param remedy What to do, without a full stop. */
export function unreachableRedis(url: string, reason: string, remedy: string): CommandError {
  return new CommandError(
    EXIT.unreachable,
    `Cannot reach Redis at ${url}: ${reason}. ${remedy}. Whether the event was written is not certain; with --id it is safe to publish it again.`,
  );
}
