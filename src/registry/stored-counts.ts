import * as z from "zod";

/**
 * Stores the counts so that steady traffic costs few rows. Whether a channel has listeners is a row per channel, written
 * at once. The numbers and their times of confirmation change constantly and share one row.
 */

const COUNT_PREFIX = "count:";
const RECENT = "recent";
/**
 * Beyond this many changes, the older ones move to their channels' rows: each is about 100 bytes, and a row holds 2 MB.
 */
const MAX_RECENT = 5000;

const storedCount = z.object({ count: z.int().min(1), confirmedAt: z.number() });
const storedRecent = z.record(z.string(), storedCount);

/** A channel's listeners, and when the channel itself last reported them, in milliseconds since 1970. */
export type KnownCount = z.infer<typeof storedCount>;

export class StoredCounts {
  readonly #kv: SyncKvStorage;
  readonly #recent: Map<string, KnownCount>;
  #isRecentSaved = true;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
    this.#recent = new Map(Object.entries(storedRecent.safeParse(kv.get(RECENT)).data ?? {}));
  }

  /** Returns all stored counts by channel. */
  load(): Map<string, KnownCount> {
    const counts = new Map<string, KnownCount>();
    for (const [key, value] of this.#kv.list({ prefix: COUNT_PREFIX })) {
      const channel = key.slice(COUNT_PREFIX.length);
      // An unreadable count still says that the channel had listeners; being old, it will be confirmed.
      const own = storedCount.safeParse(value).data ?? { count: 1, confirmedAt: 0 };
      const recent = this.#recent.get(channel);
      counts.set(channel, recent && recent.confirmedAt >= own.confirmedAt ? recent : own);
    }
    return counts;
  }

  /** Writes at once that a channel has listeners, or no longer has any. */
  put(channel: string, count: KnownCount | undefined): void {
    if (count) this.#kv.put(`${COUNT_PREFIX}${channel}`, count);
    else this.#kv.delete(`${COUNT_PREFIX}${channel}`);
    // The row of recent changes is left for the next save: an older count there means nothing, nor one without its own row.
    if (this.#recent.delete(channel)) this.#isRecentSaved = false;
  }

  /** Notes a change for the next `save`. */
  note(channel: string, count: KnownCount): void {
    this.#recent.delete(channel);
    this.#recent.set(channel, count);
    this.#isRecentSaved = false;
  }

  /** Writes the noted changes. */
  save(): void {
    if (this.#isRecentSaved) return;
    for (const [channel, count] of [...this.#recent].slice(0, Math.max(this.#recent.size - MAX_RECENT, 0))) {
      this.put(channel, count);
    }
    this.#kv.put(RECENT, Object.fromEntries(this.#recent));
    this.#isRecentSaved = true;
  }
}
