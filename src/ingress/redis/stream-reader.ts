import type { Catalogue } from "../../protocol/catalogue.ts";
import { type RedisClient, RedisError } from "./client.ts";
import { entryTime, type StreamEntry } from "./entry.ts";
import { findGap, STREAM_START, type StreamGap } from "./gaps.ts";
import { removeOversized } from "./oversized-entries.ts";
import { entryKey } from "./read-memory.ts";
import type { RelayState } from "./relay-state.ts";
import type { RelayStore } from "./relay-store.ts";
import type { StreamDescription } from "./replies.ts";
import { sortEntries } from "./sort-entries.ts";
import { type StreamBatch, StreamBatches } from "./stream-batches.ts";
import { StreamCommands } from "./stream-commands.ts";

/**
 * The stream is trimmed after this many entries or this time. The relay remembers the entries read since the trim before
 * last.
 */
const TRIM_AFTER_ENTRIES = 1000;
const TRIM_AFTER_MS = 60_000;

export interface ReadResult {
  /** Whether more may be waiting in the stream. */
  hasMore: boolean;
  gap: StreamGap | null;
  /** How many entries became dead letters since the last read. */
  rejected: number;
}

/**
 * Reads the stream from the cursor into the store. Redis reports no error when unread entries are gone, so every read
 * includes the entry at the cursor: if it is missing or different, later ones may be missing as well. After a failover to
 * an older state, the stream is read from its start, skipping entries that the store remembers.
 */
export class StreamReader {
  readonly #client: RedisClient;
  readonly #store: RelayStore;
  readonly #commands: StreamCommands;
  readonly #batches: StreamBatches;
  readonly #catalogue: Catalogue;
  readonly #fullChannels: () => Set<string>;
  /** Dead letters made since the last read. */
  #rejected = 0;
  /** The last entry whose content is known exactly, if the last read found one. */
  #lastRead: StreamEntry | undefined;

  /** @param fullChannels Returns the channels whose further events the outbox does not take; these become dead letters. */
  constructor(
    client: RedisClient,
    store: RelayStore,
    stream: string,
    catalogue: Catalogue,
    fullChannels: () => Set<string> = () => new Set(),
  ) {
    this.#client = client;
    this.#store = store;
    this.#commands = new StreamCommands(client, stream);
    this.#batches = new StreamBatches(this.#commands);
    this.#catalogue = catalogue;
    this.#fullChannels = fullChannels;
    client.syncToken = store.state.syncToken;
  }

  /** @throws {RedisError} */
  async read(): Promise<ReadResult> {
    const result = await this.#removingOversized(() => this.#read());
    const rejected = this.#rejected;
    this.#rejected = 0;
    return { ...result, rejected };
  }

  async #read(): Promise<Omit<ReadResult, "rejected">> {
    const { cursor, entriesAdded } = this.#store.state;
    this.#lastRead = undefined;
    const isStart = cursor === STREAM_START;
    let batch = await this.#batches.read(cursor, isStart);
    if (!isStart && !this.#hasCursor(batch)) batch = await this.#batches.read(cursor, true);
    const { entries, notUtf8, limit, description = null } = batch;
    const hasCursor = this.#hasCursor(batch);
    // Entries removed before the very first read are not a gap: they were never promised.
    const isFirst = isStart && entriesAdded === null;
    const isNothingYet = isStart && entries.length === 0;

    const gap = isFirst || isNothingYet || hasCursor ? null : this.#gapBefore(entries[0], description);
    if (gap && gap.kind !== "trimmed") {
      // Another stream, or none: start from its beginning. Later losses are another gap.
      const start = { cursor: STREAM_START, cursorKey: null, entriesAdded: removedFrom(description) };
      this.#store.update({ ...this.#gapState(gap), ...start });
      return { hasMore: true, gap };
    }
    const unread = hasCursor ? entries.slice(1) : entries;
    this.#append({ entries: unread, notUtf8 }, isFirst ? removedFrom(description) : entriesAdded, gap);
    this.#lastRead = entries.findLast(({ id }) => !notUtf8.has(id));
    return { hasMore: unread.length >= limit, gap };
  }

  /** Whether the stream still has the last entry read, and not another one under its id, as after a failover. */
  #hasCursor({ entries: [first] }: StreamBatch): boolean {
    const { cursor, cursorKey } = this.#store.state;
    return first?.id === cursor && (cursorKey === null || entryKey(first) === cursorKey);
  }

  /**
   * Returns how many entries are unread, and when the oldest was added, in milliseconds since 1970. Returns null when
   * Redis cannot say.
   */
  async unread(): Promise<{ entries: number; since: number | null } | null> {
    const { cursor, entriesAdded } = this.#store.state;
    const { entries, description } = await this.#commands.rangeAndDescription(`(${cursor}`, 1);
    if (description === "unknown") return null;
    const added = description?.entriesAdded ?? 0;
    const count = Math.max(added - (entriesAdded ?? removedFrom(description) ?? 0), 0);
    const oldest = count > 0 ? entries[0] : undefined;
    return { entries: count, since: oldest ? entryTime(oldest.id, Date.now()) : null };
  }

  /**
   * Removes from the stream what was read, once that is enough or the last trim was long ago, unless the stream was
   * replaced since the last read.
   * @returns A gap when entries after the cursor turn out to be missing.
   */
  async trim(): Promise<StreamGap | null> {
    return this.#removingOversized(() => this.#trim());
  }

  async #trim(): Promise<StreamGap | null> {
    const { cursor, entriesAdded, untrimmed, trimmedAt } = this.#store.state;
    const isDue = untrimmed >= TRIM_AFTER_ENTRIES || (untrimmed > 0 && Date.now() - trimmedAt >= TRIM_AFTER_MS);
    const description = isDue && this.#lastRead ? await this.#commands.trimBefore(this.#lastRead) : null;
    if (!description || !this.#lastRead) return null;
    const isCounted = description !== "unknown" && this.#lastRead.id === cursor;
    // Everything left but the first entry is unread. Entries deleted by id before they were read are missing, which no
    // read notices.
    const added = isCounted ? description.entriesAdded - (description.length - 1) : entriesAdded;
    const lost = added !== null && entriesAdded !== null ? added - entriesAdded : 0;
    const gap = lost > 0 ? ({ kind: "trimmed", lost } as const) : null;
    this.#store.trimmed(this.#lastRead.id, { ...this.#gapState(gap), entriesAdded: added });
    return gap;
  }

  #gapState(gap: StreamGap | null): Partial<RelayState> {
    return gap ? { gaps: this.#store.state.gaps + 1, pendingGapAt: Date.now() } : {};
  }

  /** @param first The first entry of a read that did not find the last entry read. */
  #gapBefore(first: StreamEntry | undefined, description: StreamDescription): StreamGap | null {
    const { cursor, entriesAdded } = this.#store.state;
    if (description === null) return { kind: "flushed" };
    // Losses cannot be counted, so one is assumed.
    if (first?.id === cursor || description === "unknown" || entriesAdded === null) return { kind: "recreated" };
    return findGap({ cursor, entriesAdded }, description);
  }

  /**
   * Appends the entries that the store does not remember, together with the new cursor and the gap's state.
   * @param addedBefore How many entries had ever been added to the stream before these and a gap; null when unknown.
   */
  #append(unread: Pick<StreamBatch, "entries" | "notUtf8">, addedBefore: number | null, gap: StreamGap | null): void {
    const { entries } = unread;
    const lost = gap?.kind === "trimmed" ? gap.lost : 0;
    if (entries.length === 0 && lost === 0) return;
    const { cursor, cursorKey, untrimmed } = this.#store.state;
    const last = entries.at(-1);
    const { events, rejected, keys } = sortEntries(unread, this.#store.memory, this.#catalogue, this.#fullChannels());
    const change = {
      ...this.#gapState(gap),
      cursor: last?.id ?? cursor,
      cursorKey: last ? entryKey(last) : cursorKey,
      entriesAdded: addedBefore === null ? null : addedBefore + lost + entries.length,
      syncToken: this.#client.syncToken,
      untrimmed: untrimmed + entries.length,
    };
    this.#store.append(events, rejected, change, keys);
    this.#rejected += rejected.length;
  }

  /**
   * Runs work on the stream. If it fails, removes entries that are too large for a reply, and tries again if there were
   * any.
   */
  async #removingOversized<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof RedisError)) throw error;
        const rejected = await removeOversized(this.#commands, this.#store);
        if (rejected === null) throw error;
        this.#rejected += rejected;
      }
    }
  }
}

/** Returns how many entries were removed from the stream; null when Redis cannot say. */
function removedFrom(description: StreamDescription): number | null {
  if (description === "unknown") return null;
  return description ? description.entriesAdded - description.length : 0;
}
