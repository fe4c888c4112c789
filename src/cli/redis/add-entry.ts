import { CommandError } from "../shared/command-error.ts";
import type { RedisTarget } from "../shared/settings.ts";
import { openConnection, reasonFor } from "./connection.ts";
import { type AddedEntry, type NewEntry, refused, unreachableRedis } from "./entry.ts";
import { addThroughUpstash } from "./upstash.ts";
import { shownRedisUrl } from "./url.ts";

/**
 * Adds an entry to a stream and rings the doorbell. Never retries, because a retry could write the entry twice.
 * @throws {CommandError} when Redis refuses the entry or cannot be reached.
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
    const remedy = "Start a Redis there, or set REDIS_URL to the address of yours";
    throw unreachableRedis(shownRedisUrl(redisUrl), reasonFor(error), remedy, entry);
  } finally {
    connection.close();
  }
}
