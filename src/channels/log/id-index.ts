import { fnv1a } from "../../protocol/fnv.ts";
import type { Storage } from "../storage.ts";
import type { Extent } from "./extent.ts";

/** Events per chunk. A chunk costs one written row, and saves reading one row per event after a wake. */
const CHUNK_EVENTS = 256;

/**
 * Finds events by id. Keeps a hash of each id in memory, and stores a chunk of hashes with every 256th event, so that the
 * first event after a wake reads the chunks and the rows after them instead of the whole log.
 */
export class IdIndex {
  readonly #storage: Storage;
  readonly #hasChunks: boolean;
  /** The events of each hash: nearly always one. */
  readonly #seqs = new Map<number, number | number[]>();
  /** The hashes of the events since the last multiple of 256. */
  #tail: number[] = [];

  /** @param hasChunks False for a log without the table `chunks`: it is read as a whole. */
  constructor(storage: Storage, hasChunks: boolean, { oldest, head }: Pick<Extent, "oldest" | "head">) {
    this.#storage = storage;
    this.#hasChunks = hasChunks;
    const query = "SELECT seq, ids FROM chunks WHERE seq >= ? ORDER BY seq";
    let next = oldest;
    for (const { seq, ids } of hasChunks ? storage.read(query, oldest) : []) {
      if (typeof seq !== "number" || !(ids instanceof ArrayBuffer)) continue;
      const hashes = new Int32Array(ids, 0, Math.floor(ids.byteLength / Int32Array.BYTES_PER_ELEMENT));
      const first = seq - hashes.length + 1;
      // Rows that an earlier version wrote have no chunk.
      this.#readRows(next, first - 1);
      let at = first;
      for (const hash of hashes) this.#add(hash, at++);
      this.#tail = [];
      next = seq + 1;
    }
    this.#readRows(next, head);
  }

  /** Returns the `seq` of the event with this id, if the log holds it. */
  find(id: string): number | undefined {
    const seqs = [this.#seqs.get(hashId(id)) ?? []].flat();
    return seqs.find((seq) => this.#storage.read("SELECT id FROM log WHERE seq = ?", seq)[0]?.id === id);
  }

  /** Adds the newest event. @param oldest The first `seq` in the log. */
  append(id: string, seq: number, oldest: number): void {
    const hash = hashId(id);
    this.#add(hash, seq);
    this.#tail.push(hash);
    if (seq % CHUNK_EVENTS > 0) return;
    if (this.#hasChunks) this.#storeChunk(seq, oldest);
    this.#tail = [];
  }

  remove(id: string, seq: number): void {
    const hash = hashId(id);
    const left = [this.#seqs.get(hash) ?? []].flat().filter((other) => other !== seq);
    if (left.length > 0) this.#seqs.set(hash, left);
    else this.#seqs.delete(hash);
  }

  #add(hash: number, seq: number): void {
    const others = this.#seqs.get(hash);
    this.#seqs.set(hash, others === undefined ? seq : [others, seq].flat());
  }

  #readRows(from: number, to: number): void {
    if (from > to) return;
    const query = "SELECT seq, id FROM log WHERE seq BETWEEN ? AND ? ORDER BY seq";
    for (const { seq, id } of this.#storage.read(query, from, to)) {
      const hash = hashId(String(id));
      this.#add(hash, Number(seq));
      if (Number(seq) % CHUNK_EVENTS > 0) this.#tail.push(hash);
      else this.#tail = [];
    }
  }

  /** Stores the tail in place of the oldest chunk, if its events have left the log. */
  #storeChunk(seq: number, oldest: number): void {
    const ids = Int32Array.from(this.#tail).buffer;
    const first = Number(this.#storage.read("SELECT min(seq) AS seq FROM chunks")[0]?.seq ?? oldest);
    if (first < oldest) this.#storage.write("UPDATE chunks SET seq = ?, ids = ? WHERE seq = ?", seq, ids, first);
    else this.#storage.write("INSERT OR REPLACE INTO chunks (seq, ids) VALUES (?, ?)", seq, ids);
  }
}

/**
 * Returns 31 bits of an id's hash: as many as V8 keeps in a `Map` without allocating. Must never change, because stored
 * chunks contain these hashes.
 */
export const hashId = (id: string) => fnv1a(id) >> 1;
