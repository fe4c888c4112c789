import * as z from "zod";

/**
 * Stores the counts so that steady traffic costs few rows. Whether an object has listeners is a row per object, written
 * at once. The numbers and their times of confirmation change constantly and share one row.
 */

const COUNT_PREFIX = "count:";
const RECENT = "recent";
/** Beyond this many changes, the older ones move to rows of their own: each is about 100 bytes, and a row holds 2 MB. */
const MAX_RECENT = 5000;

const storedCount = z.object({ count: z.int().min(1), confirmedAt: z.number() });
const storedRecent = z.record(z.string(), storedCount);

/** An object's listeners, and when that was last reported or confirmed, in milliseconds since 1970. */
export type KnownCount = z.infer<typeof storedCount>;

export class StoredCounts {
  readonly #kv: SyncKvStorage;
  readonly #recent: Map<string, KnownCount>;
  #isRecentSaved = true;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
    this.#recent = new Map(Object.entries(storedRecent.safeParse(kv.get(RECENT)).data ?? {}));
  }

  /** Returns all stored counts by the name of their object. */
  load(): Map<string, KnownCount> {
    const counts = new Map<string, KnownCount>();
    for (const [key, value] of this.#kv.list({ prefix: COUNT_PREFIX })) {
      const name = key.slice(COUNT_PREFIX.length);
      // An unreadable count still says that the object had listeners; being old, it will be confirmed.
      const own = storedCount.safeParse(value).data ?? { count: 1, confirmedAt: 0 };
      const recent = this.#recent.get(name);
      counts.set(name, recent && recent.confirmedAt >= own.confirmedAt ? recent : own);
    }
    // Ignored entries are outdated. `save` must not move them to rows of their own.
    for (const [name, recent] of this.#recent) if (counts.get(name) !== recent) this.#recent.delete(name);
    return counts;
  }

  /** Writes at once that an object has listeners, or no longer has any. */
  put(name: string, count: KnownCount | undefined): void {
    if (count) this.#kv.put(`${COUNT_PREFIX}${name}`, count);
    else this.#kv.delete(`${COUNT_PREFIX}${name}`);
    // The shared row is rewritten at the next save. Until then, `load` ignores its entry: the object's own row is newer, or
    // deleted.
    if (this.#recent.delete(name)) this.#isRecentSaved = false;
  }

  /** Notes a change for the next `save`. */
  note(name: string, count: KnownCount): void {
    this.#recent.delete(name);
    this.#recent.set(name, count);
    this.#isRecentSaved = false;
  }

  /** Writes the noted changes. */
  save(): void {
    if (this.#isRecentSaved) return;
    for (const [name, count] of [...this.#recent].slice(0, Math.max(this.#recent.size - MAX_RECENT, 0))) {
      this.put(name, count);
    }
    this.#kv.put(RECENT, Object.fromEntries(this.#recent));
    this.#isRecentSaved = true;
  }
}
