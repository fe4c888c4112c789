import { entryLength } from "../../protocol/stream.ts";
import { type RedisClient, RedisError } from "./client.ts";
import { toDeadLetter } from "./dead-letters.ts";
import { entryTime, readEntry, type StreamEntry } from "./entry.ts";
import { findGap, STREAM_START, type StreamGap } from "./gaps.ts";
import type { RelayState, RelayStore } from "./relay-store.ts";
import { parseEntries, parseStreamInfo, type StreamInfo } from "./replies.ts";

/** Entries per read: few at first, because each may be megabytes, and more while they turn out to be small. */
const MIN_BATCH = 10;
const MAX_BATCH = 1000;
const BATCH_GROWTH = 4;
const LARGE_REPLY_CHARACTERS = 1024 * 1024;
/** How many entries are read between two trims. */
const TRIM_AFTER_ENTRIES = 1000;

export interface ReadResult {
  /** Whether more may be waiting in the stream. */
  hasMore: boolean;
  gap: StreamGap | null;
  /** How many of the entries read are not events; they became dead letters. */
  rejected: number;
}

type GapState = Pick<RelayState, "gaps" | "pendingGapAt">;

/**
 * Reads the stream from the cursor into the store. Redis reports no error when unread entries are gone, so every read
 * starts with the last entry read before: if that is missing, others may be missing, too.
 */
export class StreamReader {
  readonly #client: RedisClient;
  readonly #store: RelayStore;
  readonly #stream: string;
  #batch = MIN_BATCH;

  constructor(client: RedisClient, store: RelayStore, stream: string) {
    this.#client = client;
    this.#store = store;
    this.#stream = stream;
    client.syncToken = store.state.syncToken;
  }

  /** @throws {RedisError} */
  async read(): Promise<ReadResult> {
    const { cursor, entriesAdded } = this.#store.state;
    const isFirstRead = cursor === STREAM_START;
    const batch = this.#batch;
    const entries = await this.#range(isFirstRead ? "-" : cursor, batch + 1);
    const size = entries.reduce((sum, { fields }) => sum + entryLength(fields), 0);
    this.#batch = size > LARGE_REPLY_CHARACTERS ? MIN_BATCH : Math.min(batch * BATCH_GROWTH, MAX_BATCH);

    const hasCursor = entries[0]?.id === cursor;
    const isContinuous = isFirstRead || hasCursor;
    const unread = hasCursor ? entries.slice(1) : entries;
    const needsInfo = !isContinuous || (entriesAdded === null && unread.length > 0);
    const info = needsInfo ? await this.#info() : null;

    const gap = isContinuous ? null : this.#gapSince(info);
    const { gaps, pendingGapAt } = this.#store.state;
    const gapState = gap ? { gaps: gaps + 1, pendingGapAt: Date.now() } : { gaps, pendingGapAt };
    if (gap && gap.kind !== "trimmed") {
      // Another stream, or none: start from its beginning.
      this.#store.update({ ...gapState, cursor: STREAM_START, entriesAdded: null });
      return { hasMore: true, gap, rejected: 0 };
    }
    const rejected = this.#append(unread, gap?.lost ?? 0, info, gapState);
    return { hasMore: unread.length >= batch, gap, rejected };
  }

  /**
   * Returns how many entries are unread, and when the oldest was added, in milliseconds since 1970. Returns null when
   * Redis cannot say.
   */
  async unread(): Promise<{ entries: number; since: number | null } | null> {
    const { cursor, entriesAdded } = this.#store.state;
    const info = await this.#info();
    if (info === "unknown") return null;
    const entries = info ? Math.max(info.entriesAdded - (entriesAdded ?? info.entriesAdded - info.length), 0) : 0;
    const oldest = entries > 0 ? (await this.#range(`(${cursor}`, 1))[0] : undefined;
    return { entries, since: oldest ? entryTime(oldest.id, Date.now()) : null };
  }

  /** Removes entries from the stream once enough have been read. */
  async trim(): Promise<void> {
    const { cursor, untrimmed } = this.#store.state;
    if (untrimmed < TRIM_AFTER_ENTRIES) return;
    await this.#client.command("XTRIM", this.#stream, "MINID", "~", cursor);
    this.#store.update({ untrimmed: 0 });
  }

  #gapSince(info: StreamInfo | "unknown" | null): StreamGap | null {
    const { cursor, entriesAdded } = this.#store.state;
    // The loss cannot be counted, so it has to be assumed.
    if (info === "unknown" || (info && entriesAdded === null)) return { kind: "recreated" };
    return findGap({ cursor, entriesAdded: entriesAdded ?? 0 }, info);
  }

  /** Appends entries to the store, with the new cursor and what is known of a gap. Returns how many are not events. */
  #append(entries: StreamEntry[], lost: number, info: StreamInfo | "unknown" | null, gapState: GapState): number {
    if (entries.length === 0 && lost === 0) return 0;
    const { cursor, entriesAdded, untrimmed } = this.#store.state;
    // On the first read, what the stream had removed by then counts as read: those entries were never promised.
    const before = entriesAdded ?? (info && info !== "unknown" ? info.entriesAdded - info.length : null);
    const read = entries.map((entry) => ({ entry, result: readEntry(entry) }));
    const events = read.flatMap(({ result }) => (result.ok ? [result.event] : []));
    const rejected = read.flatMap(({ entry, result }) => (result.ok ? [] : [toDeadLetter(entry, result.reason)]));
    this.#store.append(events, rejected, {
      ...gapState,
      cursor: entries.at(-1)?.id ?? cursor,
      entriesAdded: before === null ? null : before + lost + entries.length,
      syncToken: this.#client.syncToken,
      untrimmed: untrimmed + entries.length,
    });
    return rejected.length;
  }

  async #range(start: string, count: number): Promise<StreamEntry[]> {
    const entries = parseEntries(await this.#client.command("XRANGE", this.#stream, start, "+", "COUNT", count));
    if (!entries) throw new RedisError("unavailable", "unexpected reply to XRANGE");
    return entries;
  }

  /** Returns null when the stream does not exist, and `unknown` when Redis does not say enough about it. */
  async #info(): Promise<StreamInfo | "unknown" | null> {
    try {
      return parseStreamInfo(await this.#client.command("XINFO", "STREAM", this.#stream)) ?? "unknown";
    } catch (error) {
      if (error instanceof RedisError && /no such key/i.test(error.message)) return null;
      throw error;
    }
  }
}
