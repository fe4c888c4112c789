import * as z from "zod";
import { fnv1a } from "../../protocol/fnv.ts";
import type { StreamEntry } from "./entry.ts";
import { compareIds } from "./gaps.ts";

/**
 * Remembers which entries were read, by id and content. A failover can set the stream back; what is read again then must
 * not be applied again, and an id alone proves nothing, because Redis accepts old and equal ids after that.
 *
 * Forgets an entry at the second trim after it was read: the replica that takes over may not have seen the last trim. An
 * entry that the first of the two left in the stream is forgotten one trim later.
 *
 * The stored list is long, so it is rewritten only with every 65th entry; those read since are stored with the cursor.
 */
export class ReadMemory {
  #before: string[];
  #sinceTrim: string[];
  /** How many of `#sinceTrim`, from its start, are in the stored list. */
  #listed: number;
  #keys = new Set<string>();
  #ids = new Set<string>();

  /** @param recent Stored with the cursor. Versions before the list kept everything there. */
  constructor(list: StoredMemory = NOTHING, recent: StoredMemory = NOTHING) {
    const listed = keysIn(list.sinceTrim);
    this.#before = [...keysIn(list.before), ...keysIn(recent.before)];
    this.#sinceTrim = [...listed, ...keysIn(recent.sinceTrim)];
    this.#listed = listed.length;
    this.#index();
  }

  /** Whether this very entry was read. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Whether an entry with this id was read, whatever its content. */
  hasId(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Returns what to store once these entries have been read, too: the list only if it has to be rewritten. */
  storedWith(keys: string[]): { recent: StoredMemory; list: StoredMemory | null } {
    const isLong = this.#isLongWith(keys);
    const recent = isLong ? [] : [...this.#sinceTrim.slice(this.#listed), ...keys];
    return { recent: stored([], recent), list: isLong ? this.listWith(keys) : null };
  }

  /** Returns the whole list, including entries that are being read. */
  listWith(keys: string[]): StoredMemory {
    return stored(this.#before, [...this.#sinceTrim, ...keys]);
  }

  add(keys: string[]): void {
    const isLong = this.#isLongWith(keys);
    this.#sinceTrim.push(...keys);
    for (const key of keys) {
      this.#keys.add(key);
      this.#ids.add(idOf(key));
    }
    if (!isLong) return;
    const { before, sinceTrim } = bounded(this.#before, this.#sinceTrim);
    const hasForgotten = before !== this.#before;
    [this.#before, this.#sinceTrim] = [before, sinceTrim];
    this.#listed = sinceTrim.length;
    if (hasForgotten) this.#index();
  }

  #isLongWith(keys: string[]): boolean {
    return this.#sinceTrim.length - this.#listed + keys.length > MAX_RECENT_ENTRIES;
  }

  #index(): void {
    this.#keys = new Set([...this.#before, ...this.#sinceTrim]);
    this.#ids = new Set([...this.#keys].map(idOf));
  }

  /** Returns what to remember after a trim. @param firstLeft The id of the first entry that it left. */
  afterTrim(firstLeft: string): ReadMemory {
    const left = this.#sinceTrim.filter((key) => compareIds(idOf(key), firstLeft) >= 0);
    return new ReadMemory(stored(this.#sinceTrim, left));
  }
}

/** The keys as text, separated by blanks. */
export const storedMemory = z.object({ before: z.string(), sinceTrim: z.string() });
export type StoredMemory = z.infer<typeof storedMemory>;

const NOTHING: StoredMemory = { before: "", sinceTrim: "" };

/** Few enough to share one database page with the cursor, because every read rewrites both. */
const MAX_RECENT_ENTRIES = 64;

/** Bounds each half if trimming fails for long: about 40 characters a key, in a row that may have 2 MB. */
const MAX_REMEMBERED_ENTRIES = 10_000;

function bounded(before: string[], sinceTrim: string[]): { before: string[]; sinceTrim: string[] } {
  if (sinceTrim.length <= MAX_REMEMBERED_ENTRIES) return { before, sinceTrim };
  const excess = sinceTrim.length - MAX_REMEMBERED_ENTRIES;
  return {
    before: [...before, ...sinceTrim.slice(0, excess)].slice(-MAX_REMEMBERED_ENTRIES),
    sinceTrim: sinceTrim.slice(excess),
  };
}

function stored(before: string[], sinceTrim: string[]): StoredMemory {
  const kept = bounded(before, sinceTrim);
  return { before: kept.before.join(" "), sinceTrim: kept.sinceTrim.join(" ") };
}

const keysIn = (text: string) => (text === "" ? [] : text.split(" "));
const idOf = (key: string) => key.split("=")[0] ?? "";

/** Returns an entry's key: its id and a digest of its content. A short digest is enough to tell apart entries with one id. */
export function entryKey({ id, fields }: StreamEntry): string {
  const text = JSON.stringify(fields);
  return `${id}=${fnv1a(text).toString(36)}.${text.length.toString(36)}`;
}
