import { toDeadLetter } from "./dead-letter.ts";
import { MAX_ENTRY_LENGTH } from "./entry.ts";
import { entryKey } from "./read-memory.ts";
import type { RelayStore } from "./relay-store.ts";
import type { StreamCommands } from "./stream-commands.ts";

/**
 * Turns entries that are too large for a reply into dead letters without content, and deletes them from the stream.
 * Upstash refuses replies beyond its limit, so such an entry would block the stream.
 * @returns The number of new dead letters; null when there is no such entry.
 * @throws {RedisError}
 */
export async function removeOversized(commands: StreamCommands, store: RelayStore): Promise<number | null> {
  const { cursor, entriesAdded } = store.state;
  const oversized = (await commands.sizes(cursor)).filter(([, bytes]) => bytes > MAX_ENTRY_LENGTH);
  if (oversized.length === 0) return null;
  // The entry at the cursor was read before, and so was one whose deletion failed.
  const unread = oversized.filter(([id]) => id !== cursor && !store.memory.hasId(id));
  const letters = unread.map(([id, bytes]) => ({
    ...toDeadLetter({ id, fields: [] }, "too_large", `is larger than ${MAX_ENTRY_LENGTH} bytes: ${bytes}`),
    isCut: true,
  }));
  // They count as read, so that their deletion is not taken for a gap.
  const change = { entriesAdded: entriesAdded === null ? null : entriesAdded + unread.length };
  const keys = unread.map(([id]) => entryKey({ id, fields: [] }));
  store.append([], letters, change, keys);
  // Entries read before are deleted only if no unread one is in the way: a deletion past the cursor hides one at it.
  const deleted = unread.length > 0 ? unread : oversized;
  await commands.delete(deleted.map(([id]) => id));
  return letters.length;
}
