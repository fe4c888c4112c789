import { CommandError } from "../outcome.ts";
import type { RedisTarget } from "../settings.ts";
import { openConnection } from "./connection.ts";
import { reasonOf } from "./redis-reach.ts";
import { shownRedisUrl } from "./redis-url.ts";
import { type AddedEntry, type NewEntry, refused, unreachableRedis } from "./stream-entry.ts";
import { addThroughUpstash } from "./stream-upstash.ts";

/**
 * Adds an entry to a stream and rings the doorbell. It is tried once: another try could write it twice.
 * @throws {CommandError} when Redis refuses it or cannot be reached.
 */
export function addEntry(target: RedisTarget, entry: NewEntry): Promise<AddedEntry> {
  return target.kind === "upstash" ? addThroughUpstash(target, entry) : addThroughRedis(target.url, entry);
}

async function addThroughRedis(redisUrl: string, entry: NewEntry): Promise<AddedEntry> {
  const connection = openConnection(redisUrl);
  try {
    const [id, heardBy] = await connection.run([
      ["XADD", entry.stream, "*", ...Object.entries(entry.fields).flat()],
      ["PUBLISH", entry.doorbell, "1"],
    ]);
    if (id instanceof Error) throw refused(id.message);
    return { id: String(id), heardBy: typeof heardBy === "number" ? heardBy : null };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const remedy = "Start a Redis there, or say where it is with REDIS_URL";
    throw unreachableRedis(shownRedisUrl(redisUrl), reasonOf(error), remedy, entry);
  } finally {
    connection.close();
  }
}
