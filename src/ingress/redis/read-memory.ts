import * as z from "zod";
import type { StreamEntry } from "./entry.ts";

/**
 * Remembers which entries were read, by id and content. A failover can set the stream back; what is read again then must
 * not be applied again, and an id alone proves nothing, because Redis accepts old and equal ids after that.
 *
 * Forgets at every second trim: the replica that takes over may not have seen the last one.
 */
export class ReadMemory {
  #before: string[];
  #sinceTrim: string[];
  #keys = new Set<string>();
  #ids = new Set<string>();

  constructor(stored: StoredMemory = { before: "", sinceTrim: "" }) {
    this.#before = keysIn(stored.before);
    this.#sinceTrim = keysIn(stored.sinceTrim);
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

  /** Returns the form to store once these entries have been read, too. */
  storedWith(keys: string[]): StoredMemory {
    return stored(this.#before, [...this.#sinceTrim, ...keys]);
  }

  add(keys: string[]): void {
    const { before, sinceTrim } = bounded(this.#before, [...this.#sinceTrim, ...keys]);
    const hasForgotten = before !== this.#before;
    [this.#before, this.#sinceTrim] = [before, sinceTrim];
    if (hasForgotten) this.#index();
    for (const key of keys) {
      this.#keys.add(key);
      this.#ids.add(idOf(key));
    }
  }

  #index(): void {
    this.#keys = new Set([...this.#before, ...this.#sinceTrim]);
    this.#ids = new Set([...this.#keys].map(idOf));
  }

  /** Returns what to remember after a trim. */
  afterTrim(): ReadMemory {
    return new ReadMemory(stored(this.#sinceTrim, []));
  }
}

/** The keys as text, separated by blanks: a long list in a row of the relay's own, rewritten with every read. */
export const storedMemory = z.object({ before: z.string(), sinceTrim: z.string() });
export type StoredMemory = z.infer<typeof storedMemory>;

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

/** Returns the key of an entry: its id and a digest of its content. */
export function entryKey({ id, fields }: StreamEntry): string {
  return `${id}=${digest(JSON.stringify(fields))}`;
}

/** FNV-1a (RFC 9923, 32 bits) and the length. Compared for equal ids only, so a short digest is enough. */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return `${hash.toString(36)}.${text.length.toString(36)}`;
}
