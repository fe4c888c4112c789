import { type RedisClient, RedisError } from "./client.ts";
import { toDeadLetter } from "./dead-letter.ts";
import { MAX_ENTRY_LENGTH } from "./entry.ts";
import { entryKey } from "./read-memory.ts";
import type { RelayStore } from "./relay-store.ts";
import { parseEntrySizes } from "./replies.ts";

/**
 * Lists the ids and sizes of the entries that a reply may contain: the cursor's and the next one, and the first and the
 * last of the stream, which XINFO quotes. No command but EVAL tells an entry's id without its content.
 */
const LIST_SIZES = `
local sizes = {}
local function add(entries)
  for _, entry in ipairs(entries) do
    local bytes = 0
    for _, word in ipairs(entry[2]) do bytes = bytes + #word end
    table.insert(sizes, {entry[1], bytes})
  end
end
add(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1))
add(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 2))
add(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1))
return sizes`;

/**
 * Makes dead letters, without content, of entries that are too large for any reply, and deletes them from the stream.
 * Upstash refuses replies beyond its limit, 10 MB on most plans, so such an entry would stop the stream.
 * @returns How many dead letters that made; null when there is no such entry.
 * @throws {RedisError}
 */
export async function removeOversized(client: RedisClient, store: RelayStore, stream: string): Promise<number | null> {
  const { cursor, entriesAdded } = store.state;
  const sizes = parseEntrySizes(await client.command("EVAL", LIST_SIZES, 1, stream, cursor));
  if (!sizes) throw new RedisError("unavailable", "unexpected reply to EVAL");
  const oversized = [...sizes].filter(([, bytes]) => bytes > MAX_ENTRY_LENGTH);
  if (oversized.length === 0) return null;
  // The cursor's own was read before, and so was one whose deletion failed.
  const unread = oversized.filter(([id]) => id !== cursor && !store.memory.hasId(id));
  const letters = unread.map(([id, bytes]) => ({
    ...toDeadLetter({ id, fields: [] }, "too_large", `is larger than ${MAX_ENTRY_LENGTH} bytes: ${bytes}`),
    isCut: true,
  }));
  // Counts as read, so that its deletion is no gap.
  const change = { entriesAdded: entriesAdded === null ? null : entriesAdded + unread.length };
  store.append(
    [],
    letters,
    change,
    unread.map(([id]) => entryKey({ id, fields: [] })),
  );
  // Those that were read only where they are in the way: a deletion beyond the cursor hides one at the cursor.
  const deleted = unread.length > 0 ? unread : oversized;
  await client.command("XDEL", stream, ...deleted.map(([id]) => id));
  return letters.length;
}
