import { toDeadLetter } from "./dead-letter.ts";
import { MAX_ENTRY_LENGTH } from "./entry.ts";
import { entryKey } from "./read-memory.ts";
import type { RelayStore } from "./relay-store.ts";
import type { StreamCommands } from "./stream-commands.ts";

/**
 * Makes dead letters, without content, of entries that are too large for any reply, and deletes them from the stream.
 * Upstash refuses replies beyond its limit, so such an entry would stop the stream.
 * @returns How many dead letters that made; null when there is no such entry.
 * @throws {RedisError}
 */
export async function removeOversized(commands: StreamCommands, store: RelayStore): Promise<number | null> {
  const { cursor, entriesAdded } = store.state;
  const oversized = [...(await commands.sizes(cursor))].filter(([, bytes]) => bytes > MAX_ENTRY_LENGTH);
  if (oversized.length === 0) return null;
  // The cursor's own was read before, and so was one whose deletion failed.
  const unread = oversized.filter(([id]) => id !== cursor && !store.memory.hasId(id));
  const letters = unread.map(([id, bytes]) => ({
    ...toDeadLetter({ id, fields: [] }, "too_large", `is larger than ${MAX_ENTRY_LENGTH} bytes: ${bytes}`),
    isCut: true,
  }));
  // Counts as read, so that its deletion is no gap.
  const change = { entriesAdded: entriesAdded === null ? null : entriesAdded + unread.length };
  const keys = unread.map(([id]) => entryKey({ id, fields: [] }));
  store.append([], letters, change, keys);
  // Those that were read only where they are in the way: a deletion beyond the cursor hides one at the cursor.
  const deleted = unread.length > 0 ? unread : oversized;
  await commands.delete(deleted.map(([id]) => id));
  return letters.length;
}
