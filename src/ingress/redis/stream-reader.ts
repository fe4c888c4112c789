import * as z from "zod";
import { DEAD_LETTERS, entryLength } from "../../protocol/stream.ts";
import { type RedisClient, RedisError } from "./client.ts";
import { readEntry, type StreamEntry, timeOf } from "./entry.ts";
import { findGap, type Gap, parseStreamInfo, type StreamInfo } from "./gaps.ts";
import { pairsOf } from "./pairs.ts";
import type { DeadLetter, RelayState, RelayStore } from "./relay-store.ts";

/** Entries read at once: few at first, because one may be megabytes, more while they are small. */
const MIN_BATCH = 10;
const MAX_BATCH = 1000;
const LARGE_REPLY_CHARACTERS = 1024 * 1024;
/** The stream is trimmed behind the cursor after so many entries. */
const TRIM_AFTER_ENTRIES = 1000;
/** What a dead letter keeps of each value. */
const MAX_DEAD_VALUE_LENGTH = 64 * 1024;
/** How many dead letters the stream of them keeps, about. */
const MAX_DEAD_LETTERS = 100_000;

const range = z.array(z.tuple([z.string(), z.array(z.string())]));

export interface ReadResult {
  /** Whether there may be more to read at once. */
  hasMore: boolean;
  gap: Gap | null;
  /** How many of the entries read are no events, and on their way to the dead letters. */
  rejected: number;
}

/**
 * Reads the stream from where it was read last, into the store. Redis gives no error when entries that were not read
 * are gone, so the last one read is read again each time: when it is not there, something may be missing.
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
    const { id } = this.#store.state;
    const start = id === "0-0" ? "-" : id;
    // What is read now decides how much is asked for next.
    const batch = this.#batch;
    const entries = await this.#range(start, batch + 1);
    const size = entries.reduce((sum, { fields }) => sum + entryLength(fields), 0);
    this.#batch = size > LARGE_REPLY_CHARACTERS ? MIN_BATCH : Math.min(batch * 4, MAX_BATCH);
    const isAnchored = id === "0-0" || entries[0]?.id === id;
    const fresh = isAnchored && id !== "0-0" ? entries.slice(1) : entries;
    const needsInfo = !isAnchored || (this.#store.state.added === null && fresh.length > 0);
    const info = needsInfo ? await this.#info() : null;

    const gap = isAnchored ? null : this.#gapSince(info);
    const { gaps, untoldGapAt } = this.#store.state;
    const noted = gap ? { gaps: gaps + 1, untoldGapAt: Date.now() } : { gaps, untoldGapAt };
    if (gap && gap.kind !== "trimmed") {
      // Another stream, or none: it is read from its beginning.
      this.#store.update({ ...noted, id: "0-0", added: null });
      return { hasMore: true, gap, rejected: 0 };
    }
    const rejected = this.#keep(fresh, gap?.lost ?? 0, info, noted);
    return { hasMore: fresh.length >= batch, gap, rejected };
  }

  /** How many entries are there to be read, and when the oldest was added; null where Redis does not tell. */
  async unread(): Promise<{ entries: number; since: number | null } | null> {
    const { id, added } = this.#store.state;
    const info = await this.#info();
    if (info === "unknown") return null;
    const entries = info ? Math.max(info.entriesAdded - (added ?? info.entriesAdded - info.length), 0) : 0;
    const oldest = entries > 0 ? (await this.#range(`(${id}`, 1))[0] : undefined;
    return { entries, since: oldest ? timeOf(oldest.id, Date.now()) : null };
  }

  /** Removes what has been read from the stream; nobody else does. */
  async trim(): Promise<void> {
    const { id, untrimmed } = this.#store.state;
    if (untrimmed < TRIM_AFTER_ENTRIES) return;
    await this.#client.command("XTRIM", this.#stream, "MINID", "~", id);
    this.#store.update({ untrimmed: 0 });
  }

  /** Writes what nobody can deliver to its own stream. */
  async bury(): Promise<void> {
    for (const { row, entry, reason } of this.#store.deadLetters()) {
      await this.#buryOne(entry, reason);
      this.#store.buried(row);
    }
  }

  #gapSince(info: StreamInfo | "unknown" | null): Gap | null {
    const { id, added } = this.#store.state;
    // Whoever cannot tell how much is gone has to say that something may be.
    if (info === "unknown" || (info && added === null)) return { kind: "recreated" };
    return findGap({ id, added: added ?? 0 }, info);
  }

  /** Keeps what was read, what is known of a gap, and how far it goes, all at once. @returns How many are no events. */
  #keep(
    entries: StreamEntry[],
    lost: number,
    info: StreamInfo | "unknown" | null,
    noted: Pick<RelayState, "gaps" | "untoldGapAt">,
  ): number {
    if (entries.length === 0 && lost === 0) return 0;
    const { id, added, untrimmed } = this.#store.state;
    // What a stream that is read for the first time has lost before that was never promised.
    const before = added ?? (info && info !== "unknown" ? info.entriesAdded - info.length : null);
    const read = entries.map((entry) => ({ entry, result: readEntry(entry) }));
    this.#store.keep(
      read.flatMap(({ result }) => (result.ok ? [result.event] : [])),
      read.flatMap(({ entry, result }) => (result.ok ? [] : [{ entry: shortened(entry), reason: result.reason }])),
      {
        ...noted,
        id: entries.at(-1)?.id ?? id,
        added: before === null ? null : before + lost + entries.length,
        syncToken: this.#client.syncToken,
        untrimmed: untrimmed + entries.length,
      },
    );
    return read.filter(({ result }) => !result.ok).length;
  }

  async #range(start: string, count: number): Promise<StreamEntry[]> {
    const reply = range.safeParse(await this.#client.command("XRANGE", this.#stream, start, "+", "COUNT", count));
    if (!reply.success) throw new RedisError("unavailable", "XRANGE was answered with something else");
    return reply.data.map(([id, words]) => ({
      id,
      fields: pairsOf(words).map(([name, value = ""]) => [name, value]),
    }));
  }

  /** @returns null when there is no such stream. */
  async #info(): Promise<StreamInfo | "unknown" | null> {
    try {
      return parseStreamInfo(await this.#client.command("XINFO", "STREAM", this.#stream)) ?? "unknown";
    } catch (error) {
      if (error instanceof RedisError && /no such key/i.test(error.message)) return null;
      throw error;
    }
  }

  /** Under the entry's own id, so that a try whose answer was lost is not written twice. */
  async #buryOne(entry: StreamEntry, reason: string): Promise<void> {
    const letter = ["reason", reason, "entry_id", entry.id, "entry", JSON.stringify(Object.fromEntries(entry.fields))];
    const add = (id: string) =>
      this.#client.command("XADD", DEAD_LETTERS, "MAXLEN", "~", MAX_DEAD_LETTERS, id, ...letter);
    // An event that its channel refused may have an id of its publisher's own.
    if (!/^\d+-\d+$/.test(entry.id)) return void (await add("*"));
    try {
      await add(entry.id);
    } catch (error) {
      if (!(error instanceof RedisError) || error.kind !== "refused") throw error;
      // Ids only grow: this one was written before, or later ones were.
      const there = await this.#client.command("XRANGE", DEAD_LETTERS, entry.id, entry.id);
      if (Array.isArray(there) && there.length > 0) return;
      await add("*");
    }
  }
}

/** An entry that is too large to keep whole. */
function shortened({ id, fields }: StreamEntry): DeadLetter["entry"] {
  return {
    id,
    fields: fields
      .slice(0, 50)
      .map(([name, value]) => [
        name.slice(0, 256),
        value.length <= MAX_DEAD_VALUE_LENGTH
          ? value
          : `${value.slice(0, MAX_DEAD_VALUE_LENGTH)}… (${value.length} characters)`,
      ]),
  };
}
