import type { Catalogue } from "../../protocol/catalogue.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import { entryFields, entryLength } from "../../protocol/stream.ts";
import { type RedisClient, RedisError } from "./client.ts";
import { type DeadLetter, toDeadLetter } from "./dead-letter.ts";
import { entryTime, type ReadEntry, readEntry, type StreamEntry } from "./entry.ts";
import { countMissing, findGap, STREAM_START, type StreamGap } from "./gaps.ts";
import { removeOversized } from "./oversized-entries.ts";
import { entryKey } from "./read-memory.ts";
import type { RelayState } from "./relay-state.ts";
import type { RelayStore } from "./relay-store.ts";
import type { StreamInfo } from "./replies.ts";
import { StreamCommands } from "./stream-commands.ts";

/** Entries per read: few at first, because each may be megabytes, and more while they turn out to be small. */
const MIN_BATCH = 10;
const MAX_BATCH = 1000;
const BATCH_GROWTH = 4;
const LARGE_REPLY_CHARACTERS = 1024 * 1024;
/** The stream is trimmed after this many entries or this time. Until then, the relay remembers the entries it has read. */
const TRIM_AFTER_ENTRIES = 1000;
const TRIM_AFTER_MS = 60_000;

export interface ReadResult {
  /** Whether more may be waiting in the stream. */
  hasMore: boolean;
  gap: StreamGap | null;
  /** How many of the entries read are not events; they became dead letters. */
  rejected: number;
}

const NOT_UTF8: ReadEntry = { ok: false, code: "not_utf8", reason: "contains bytes that are not UTF-8" };

type GapState = Pick<RelayState, "gaps" | "pendingGapAt">;

/**
 * Reads the stream from the cursor into the store. Redis reports no error when unread entries are gone, so every read
 * includes the entry at the cursor: if it is missing or different, later ones may be missing as well. After a failover to
 * an older state, the stream is read from its start, skipping entries that the store remembers.
 */
export class StreamReader {
  readonly #client: RedisClient;
  readonly #store: RelayStore;
  readonly #commands: StreamCommands;
  readonly #catalogue: Catalogue;
  readonly #isFull: (channel: string) => boolean;
  #batch = MIN_BATCH;
  /** Dead letters made since the last read. */
  #rejected = 0;

  /** @param isFull Whether the outbox takes no more events of a channel. Further ones become dead letters. */
  constructor(
    client: RedisClient,
    store: RelayStore,
    stream: string,
    catalogue: Catalogue,
    isFull: (channel: string) => boolean = () => false,
  ) {
    this.#client = client;
    this.#store = store;
    this.#commands = new StreamCommands(client, stream);
    this.#catalogue = catalogue;
    this.#isFull = isFull;
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
    const entries = await this.#readBatch(cursor);
    const batch = this.#batch;
    const invalid = await this.#commands.notUtf8(entries);
    const size = entries.reduce((sum, { fields }) => sum + entryLength(fields), 0);
    this.#batch = size > LARGE_REPLY_CHARACTERS ? MIN_BATCH : Math.min(batch * BATCH_GROWTH, MAX_BATCH);

    const first = entries[0];
    // After a failover to an older state, another entry may have the cursor's id.
    const isReplaced =
      first?.id === cursor && this.#store.memory.hasId(cursor) && !this.#store.memory.has(entryKey(first));
    const hasCursor = first?.id === cursor && !isReplaced;
    const unread = hasCursor ? entries.slice(1) : entries;
    // Entries removed before the very first read are not a gap: they were never promised.
    const isStart = cursor === STREAM_START && (entriesAdded === null || unread.length === 0);
    const isContinuous = isStart || hasCursor;
    const needsInfo = !isContinuous || (entriesAdded === null && unread.length > 0);
    const info = needsInfo ? await this.#commands.info() : null;

    const gap = isContinuous ? null : isReplaced ? ({ kind: "recreated" } as const) : this.#gapSince(info);
    const gapState = this.#gapState(gap);
    if (gap && gap.kind !== "trimmed") {
      // Another stream, or none: start from its beginning. Later losses are another gap.
      const removed = info === "unknown" ? null : info ? info.entriesAdded - info.length : 0;
      this.#store.update({ ...gapState, cursor: STREAM_START, entriesAdded: removed });
      return { hasMore: true, gap };
    }
    this.#append(unread, invalid, gap?.lost ?? 0, info, gapState);
    return { hasMore: unread.length >= batch, gap };
  }

  /**
   * Returns how many entries are unread, and when the oldest was added, in milliseconds since 1970. Returns null when
   * Redis cannot say.
   */
  async unread(): Promise<{ entries: number; since: number | null } | null> {
    const { cursor, entriesAdded } = this.#store.state;
    const info = await this.#commands.info();
    if (info === "unknown") return null;
    const entries = info ? Math.max(info.entriesAdded - (entriesAdded ?? info.entriesAdded - info.length), 0) : 0;
    const oldest = entries > 0 ? (await this.#commands.range(`(${cursor}`, 1))[0] : undefined;
    return { entries, since: oldest ? entryTime(oldest.id, Date.now()) : null };
  }

  /**
   * Removes the entries that were read from the stream, once there are enough of them or the last trim was long ago.
   * Returns a gap when entries after the cursor turn out to be missing.
   */
  async trim(): Promise<StreamGap | null> {
    return this.#removingOversized(() => this.#trim());
  }

  async #trim(): Promise<StreamGap | null> {
    const { cursor, entriesAdded, untrimmed, trimmedAt } = this.#store.state;
    const isDue = untrimmed >= TRIM_AFTER_ENTRIES || (untrimmed > 0 && Date.now() - trimmedAt >= TRIM_AFTER_MS);
    if (!isDue) return null;
    await this.#commands.trim(cursor);
    const info = await this.#commands.info();
    const missing = info === "unknown" || entriesAdded === null ? 0 : countMissing({ cursor, entriesAdded }, info);
    const gap = missing ? ({ kind: "trimmed", lost: missing } as const) : null;
    this.#store.trimmed({
      ...this.#gapState(gap),
      entriesAdded: entriesAdded === null ? null : entriesAdded + (missing ?? 0),
    });
    return gap;
  }

  #gapState(gap: StreamGap | null): GapState {
    const { gaps, pendingGapAt } = this.#store.state;
    return gap ? { gaps: gaps + 1, pendingGapAt: Date.now() } : { gaps, pendingGapAt };
  }

  #gapSince(info: StreamInfo | "unknown" | null): StreamGap | null {
    const { cursor, entriesAdded } = this.#store.state;
    // Losses cannot be counted, so one is assumed.
    if (info === "unknown" || (info && entriesAdded === null)) return { kind: "recreated" };
    return findGap({ cursor, entriesAdded: entriesAdded ?? 0 }, info);
  }

  /** Appends the entries that the store does not remember, together with the new cursor and the gap's state. */
  #append(
    entries: StreamEntry[],
    invalid: Set<string>,
    lost: number,
    info: StreamInfo | "unknown" | null,
    gapState: GapState,
  ): void {
    if (entries.length === 0 && lost === 0) return;
    const { cursor, entriesAdded, untrimmed } = this.#store.state;
    // On the first read, entries already removed from the stream count as read.
    const before = entriesAdded ?? (info && info !== "unknown" ? info.entriesAdded - info.length : null);
    const events: AcceptedEvent[] = [];
    const rejected: DeadLetter[] = [];
    const keys: string[] = [];
    const isFull = memoized(this.#isFull);
    const now = Date.now();
    for (const entry of entries) {
      const key = entryKey(entry);
      if (this.#store.memory.has(key)) continue;
      keys.push(key);
      // An entry with the id of an earlier one: the same event id would make it a duplicate or a conflict.
      const fallbackId = this.#store.memory.hasId(entry.id) ? key : entry.id;
      const read = invalid.has(entry.id) ? NOT_UTF8 : readEntry(this.#catalogue, entry, now, fallbackId);
      if (!read.ok) rejected.push(toDeadLetter(entry, read.code, read.reason));
      else if (isFull(read.event.channel)) rejected.push(fullChannel(entry.id, read.event));
      else events.push(read.event);
    }
    const change = {
      ...gapState,
      cursor: entries.at(-1)?.id ?? cursor,
      entriesAdded: before === null ? null : before + lost + entries.length,
      syncToken: this.#client.syncToken,
      untrimmed: untrimmed + entries.length,
    };
    this.#store.append(events, rejected, change, keys);
    this.#rejected += rejected.length;
  }

  /** Reads the entry at the cursor and the next ones. Reads only one if the reply is too large for Upstash or a proxy. */
  async #readBatch(start: string): Promise<StreamEntry[]> {
    try {
      return await this.#commands.range(start, this.#batch + 1);
    } catch (error) {
      if (this.#batch === 1) throw error;
      this.#batch = 1;
      return this.#commands.range(start, this.#batch + 1);
    }
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

/** Keeps the parsed event: unlike the raw entry, it is always small enough to keep whole and retry. */
function fullChannel(id: string, event: AcceptedEvent): DeadLetter {
  return toDeadLetter({ id, fields: entryFields(event) }, "channel_full", "too many events wait for its channel");
}

function memoized<T>(answer: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const value = known.get(key) ?? answer(key);
    known.set(key, value);
    return value;
  };
}
