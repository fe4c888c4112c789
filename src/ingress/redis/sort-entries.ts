import type { Catalogue } from "../../protocol/catalogue.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import { entryFields } from "../../protocol/stream.ts";
import { type DeadLetter, toDeadLetter } from "./dead-letter.ts";
import { type ReadEntry, readEntry } from "./entry.ts";
import { entryKey, type ReadMemory } from "./read-memory.ts";
import type { StreamBatch } from "./stream-batches.ts";

/** What a read returned, without the events and dead letters of entries that were read before. */
export interface SortedEntries {
  events: AcceptedEvent[];
  /** Those that are not events, or that their channel has no room for. */
  rejected: DeadLetter[];
  /** The keys of all entries, to be remembered. Those that a failover brought back are remembered for longer. */
  keys: string[];
}

const NOT_UTF8: ReadEntry = { ok: false, code: "not_utf8", reason: "contains bytes that are not UTF-8" };

/**
 * Sorts the entries that are not remembered into events and dead letters.
 * @param full The channels whose further events the outbox does not take.
 */
export function sortEntries(
  { entries, notUtf8 }: Pick<StreamBatch, "entries" | "notUtf8">,
  memory: ReadMemory,
  catalogue: Catalogue,
  full: Set<string>,
): SortedEntries {
  const sorted: SortedEntries = { events: [], rejected: [], keys: [] };
  const now = Date.now();
  for (const entry of entries) {
    const key = entryKey(entry);
    sorted.keys.push(key);
    if (memory.has(key)) continue;
    // An entry with the id of an earlier one: the same event id would make it a duplicate or a conflict.
    const fallbackId = memory.hasId(entry.id) ? key : entry.id;
    const read = notUtf8.has(entry.id) ? NOT_UTF8 : readEntry(catalogue, entry, now, fallbackId);
    if (!read.ok) sorted.rejected.push(toDeadLetter(entry, read.code, read.reason));
    else if (full.has(read.event.channel)) sorted.rejected.push(fullChannel(entry.id, read.event));
    else sorted.events.push(read.event);
  }
  return sorted;
}

/** Keeps the parsed event: unlike the raw entry, it is always small enough to keep whole and retry. */
function fullChannel(id: string, event: AcceptedEvent): DeadLetter {
  return toDeadLetter({ id, fields: entryFields(event) }, "channel_full", "too many events wait for its channel");
}
