import { encodeEventFrame, type Position } from "../../protocol/frames.ts";
import type { Storage } from "../storage.ts";
import { Epochs } from "./epochs.ts";
import { writeEpoch } from "./extent.ts";
import { IdIndex } from "./id-index.ts";
import type { LogEvent, LoggedFrame } from "./log-event.ts";
import { insertRow, rewriteRow } from "./log-row.ts";
import { OldestRows } from "./oldest-rows.ts";
import { chainedRows, type ProductChains } from "./product-chains.ts";
import { type Replay, readReplay, rowsSince } from "./replay.ts";
import { isSameEvent } from "./same-event.ts";

interface LogOptions {
  maxEvents: number;
  ttlMs: number;
  /** Part of every epoch's name. Raising it, such as after restoring a backup, starts a new epoch in every channel. */
  generation: number;
}

/**
 * A channel's history: its last events in `seq` order, without gaps, at most `maxEvents` of them. A full log rewrites its
 * oldest row as the newest, so an event costs one written row. Event ids are remembered as long as their rows exist, which
 * is at least as long as they can be replayed.
 */
export class EventLog {
  readonly epochs: Epochs;
  readonly #storage: Storage;
  readonly #options: LogOptions;
  readonly #chains: ProductChains | null;
  /** A replay from here was too long. Remembered, so that clients reconnecting together do not each read that much. */
  #tooLongSince = -1;
  /** Loaded when the first event after a wake arrives. */
  #ids: IdIndex | undefined;
  #oldestRows: OldestRows;

  /** @param chains null for a log whose listeners have no product filter. */
  constructor(storage: Storage, options: LogOptions, chains: ProductChains | null) {
    this.#storage = storage;
    this.#options = options;
    this.#chains = chains;
    this.#oldestRows = new OldestRows(storage);
    this.epochs = new Epochs(storage, options.generation, chains);
  }

  position(): Position {
    return { epoch: this.epochs.name(), seq: this.epochs.extent().head };
  }

  /** Returns the `seq` of the event with this id, if the log holds it. */
  find(id: string): number | undefined {
    return this.#loadIds().find(id);
  }

  /**
   * Appends an event and gives it the next `seq`.
   * @param now Milliseconds since 1970. If the clock was set back, the last event's time is used.
   */
  append(event: LogEvent, now: number): LoggedFrame {
    this.epochs.store(now);
    const extent = this.epochs.extent();
    const ids = this.#loadIds();
    const seq = extent.head + 1;
    const ts = Math.max(now, extent.headTs);
    const text = encodeEventFrame({ ...event, seq, ts });
    const { id, productId: product, request } = event;
    const row = { seq, id, ts, product, request, frame: text, ...this.#link(product, seq) };
    const reusable = this.#reusableRow(seq, now);
    if (reusable) {
      rewriteRow(this.#storage, extent.oldest, row);
      ids.remove(reusable.id, extent.oldest);
      extent.oldest++;
      extent.oldestTs = reusable.nextTs ?? ts;
    } else {
      insertRow(this.#storage, row);
    }
    ids.append(id, seq, extent.oldest);
    if (extent.oldest === seq) extent.oldestTs = ts;
    extent.head = seq;
    extent.headTs = ts;
    this.#shrink();
    return { seq, productId: product, text };
  }

  /** Returns whether event `seq` came from the same request as this one; the order of JSON keys does not matter. */
  isSameEvent(seq: number, event: LogEvent): boolean {
    return isSameEvent(this.#storage.read("SELECT product, request, frame FROM log WHERE seq = ?", seq)[0], event);
  }

  /**
   * Returns every event after a position, in order.
   * @param products The products whose events are needed; null for all. Where chains allow it, the log need not reach back
   * to the position, as long as no event of these products has left it. The result may include other products' events.
   * @returns null for another epoch, a position that never existed, history that no longer reaches back, or more than fits
   * one replay; `damaged` when one of the events cannot be read.
   */
  readSince({ epoch, seq: since }: Position, products: string[] | null, now: number): Replay {
    const { head, base, oldest, chainedAfter } = this.epochs.extent();
    if (epoch !== this.epochs.name() || since > head) return null;
    if (since === head) return [];
    const keepAfter = now - this.#options.ttlMs;
    const isChained = chainedAfter !== undefined && since >= chainedAfter;
    if (products && this.#chains && isChained) {
      const replay = readReplay(chainedRows(this.#storage, this.#chains, products, since), keepAfter);
      return replay === "too_long" ? null : replay;
    }
    if (since < base || since + 1 < oldest || since <= this.#tooLongSince) return null;
    const replay = readReplay(rowsSince(this.#storage, since, head), keepAfter);
    if (replay !== "too_long") return replay;
    this.#tooLongSince = since;
    return null;
  }

  /**
   * Returns some of the events after a `seq`, in order and at least one if there is any, whatever their epoch and age.
   * @returns null when the log no longer reaches back, or when it is damaged.
   */
  page(after: number): LoggedFrame[] | null {
    const { head, oldest } = this.epochs.extent();
    if (after + 1 < oldest) return null;
    const page = readReplay(rowsSince(this.#storage, after, Math.min(head, after + 1)), Number.NEGATIVE_INFINITY);
    return Array.isArray(page) ? page : null;
  }

  /** Returns when the last event becomes too old to replay, in milliseconds since 1970; Infinity for an empty log. */
  expiresAt(): number {
    const { oldest, head, headTs } = this.epochs.extent();
    return oldest > head ? Number.POSITIVE_INFINITY : headTs + this.#options.ttlMs;
  }

  /** Empties the log when its last event is too old to replay. The position stays, and `seq` continues from it. */
  dropExpired(now: number): void {
    if (now < this.expiresAt()) return;
    const extent = this.epochs.extent();
    writeEpoch(this.#storage, { ...extent, base: extent.head });
    this.#storage.truncateLog();
    this.invalidate();
  }

  /** Discards what is cached in memory, after a rollback or an erasure. */
  invalidate(): void {
    this.epochs.invalidate();
    this.#ids = undefined;
    this.#oldestRows = new OldestRows(this.#storage);
    this.#tooLongSince = -1;
  }

  #loadIds(): IdIndex {
    this.#ids ??= new IdIndex(this.#storage, this.#chains !== null, this.epochs.extent());
    return this.#ids;
  }

  /**
   * Returns the oldest row's id and the time of the row after it, if there is one; null unless the oldest row may be
   * rewritten as `seq`, because the log is full or the row has expired.
   */
  #reusableRow(seq: number, now: number): { id: string; nextTs: number | undefined } | null {
    const { oldest, oldestTs, head } = this.epochs.extent();
    const { maxEvents, ttlMs } = this.#options;
    const isReusable = seq - oldest >= maxEvents || oldestTs <= now - ttlMs;
    if (oldest > head || !isReusable) return null;
    const { row, next } = this.#oldestRows.from(oldest);
    return row ? { id: row.id, nextTs: next?.ts } : null;
  }

  /** Deletes what is left over after `maxEvents` was lowered. */
  #shrink(): void {
    const { head, oldest } = this.epochs.extent();
    const keepFrom = head - this.#options.maxEvents + 1;
    if (oldest >= keepFrom) return;
    this.#storage.write("DELETE FROM log WHERE seq < ?", keepFrom);
    this.invalidate();
  }

  /** Makes an event the last of its product's chain. Returns the row's link to the product's previous event. */
  #link(product: string | null, seq: number): { prev?: number } {
    if (!this.#chains) return {};
    // The log may have been emptied as damaged, and continue from a lower `seq` than the chain's.
    return { prev: product === null ? 0 : Math.min(this.#chains.extend(product, seq), seq - 1) };
  }
}
