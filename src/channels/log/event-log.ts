import { encodeEventFrame, type Position } from "../../protocol/frames.ts";
import type { Storage } from "../storage.ts";
import { type Extent, giveUpLog, randomEpoch, readExtent, writeEpoch } from "./extent.ts";
import { IdIndex } from "./id-index.ts";
import type { LogEvent, LoggedFrame } from "./log-event.ts";
import { insertRow, rewriteRow } from "./log-row.ts";
import { type ProductChains, readChains } from "./product-chains.ts";
import { type Replay, readReplay } from "./replay.ts";
import { isSameEvent } from "./same-event.ts";

export interface LogOptions {
  maxEvents: number;
  ttlMs: number;
  /** Part of every epoch's name; raising it starts new epochs everywhere, as after a backup was restored. */
  generation: number;
}

/**
 * A channel's history: the last events in `seq` order without a hole, at most `maxEvents` of them. In a full log the
 * oldest row is rewritten to become the newest, so that an event costs one written row. Event ids are remembered as long
 * as their rows exist, which is at least as long as they can be replayed.
 */
export class EventLog {
  readonly #storage: Storage;
  readonly #options: LogOptions;
  readonly #chains: ProductChains | null;
  #extent: Extent | undefined;
  /** From here, a replay was too long: clients that reconnect together do not read as much each. */
  #tooLongSince = -1;
  /** Read when the first event after a wake arrives. */
  #ids: IdIndex | undefined;

  /** @param chains null for a log whose listeners have no product filter. */
  constructor(storage: Storage, options: LogOptions, chains: ProductChains | null) {
    this.#storage = storage;
    this.#options = options;
    this.#chains = chains;
  }

  position(): Position {
    const { epoch, head } = this.#load();
    return { epoch: this.#nameOf(epoch), seq: head };
  }

  /** Returns the `seq` of the event with this id, if the log holds it. */
  find(id: string): number | undefined {
    return this.#loadIds().find(id);
  }

  /**
   * Makes the stored log readable: a damaged one is given up, and an epoch that cannot be read is replaced, so that clients
   * that resume learn of it. Called once after each wake, before anything else.
   */
  repair(now: number): void {
    if (!this.#storage.hasData()) return;
    const extent = readExtent(this.#storage);
    if (extent === "damaged") giveUpLog(this.#storage, now);
    else this.#extent = extent;
    this.storeEpoch(now);
    this.#repairChains();
  }

  /** Stores the epoch unless it is stored, so that the channel exists from now on. */
  storeEpoch(now: number): void {
    const extent = this.#load();
    if (extent.isStored) return;
    extent.epochStartedAt = now;
    if (this.#chains) extent.chainedAfter = extent.head;
    writeEpoch(this.#storage, extent);
    extent.isStored = true;
  }

  /** Returns when the epoch began, in milliseconds since 1970; 0 when the channel does not exist yet. */
  epochStartedAt(): number {
    return this.#load().epochStartedAt;
  }

  /**
   * Starts a new epoch, because the current one may have a hole. `seq` continues. The rows stay as memory of their ids,
   * so an id is applied once across epochs, but no position of the new epoch reaches them.
   */
  startEpoch(now: number): void {
    const extent = this.#load();
    extent.epoch = randomEpoch();
    extent.epochStartedAt = now;
    extent.isStored = true;
    this.#endReplay(extent);
  }

  /** Excludes everything so far from replay, within the epoch: the next listeners may not see it. */
  endReplay(): void {
    this.#endReplay(this.#load());
  }

  /**
   * Appends an event and gives it the next `seq`.
   * @param now Milliseconds since 1970. If the clock was set back, the last event's time is used.
   */
  append(event: LogEvent, now: number): LoggedFrame {
    this.storeEpoch(now);
    const extent = this.#load();
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
   * @param products null for the events of all products. Otherwise the result includes those of these products, for
   * which the log need not reach back to the position: it is enough if none of theirs has left it.
   * @returns null when that is impossible: another epoch, a position that never existed, history that no longer reaches
   * back, or more than fits one replay; `damaged` when one of the events cannot be read.
   */
  readSince({ epoch, seq: since }: Position, products: string[] | null, now: number): Replay {
    const { head, base, oldest, chainedAfter } = this.#load();
    if (epoch !== this.position().epoch || since > head) return null;
    if (since === head) return [];
    const keepAfter = now - this.#options.ttlMs;
    const isChained = chainedAfter !== undefined && since >= chainedAfter;
    if (products && this.#chains && isChained) {
      return readChains(this.#storage, this.#chains, { products, since, keepAfter });
    }
    if (since < base || since + 1 < oldest || since <= this.#tooLongSince) return null;
    const replay = readReplay(this.#storage, since, head, keepAfter);
    if (replay !== "too_long") return replay;
    this.#tooLongSince = since;
    return null;
  }

  /** Returns when the last event becomes too old to replay, in milliseconds since 1970; Infinity for an empty log. */
  expiresAt(): number {
    const { oldest, head, headTs } = this.#load();
    return oldest > head ? Number.POSITIVE_INFINITY : headTs + this.#options.ttlMs;
  }

  /** Empties the log when its last event is too old to replay. The position stays, and `seq` continues from it. */
  dropExpired(now: number): void {
    if (now < this.expiresAt()) return;
    const extent = this.#load();
    writeEpoch(this.#storage, { ...extent, base: extent.head });
    this.#storage.truncateLog();
    this.invalidate();
  }

  /** Discards what is cached in memory, after a rollback or an erasure. */
  invalidate(): void {
    this.#extent = undefined;
    this.#ids = undefined;
    this.#tooLongSince = -1;
  }

  #load(): Extent {
    if (!this.#extent) {
      const extent = readExtent(this.#storage);
      if (extent === "damaged") throw new Error("the log was damaged after it was repaired");
      this.#extent = extent;
    }
    return this.#extent;
  }

  #loadIds(): IdIndex {
    this.#ids ??= new IdIndex(this.#storage, this.#chains !== null, this.#load());
    return this.#ids;
  }

  /**
   * Returns the id of the oldest row if it may be rewritten to become `seq`, because the log is full or the row has
   * expired, and the time of the row after it, if there is one.
   */
  #reusableRow(seq: number, now: number): { id: string; nextTs: number | undefined } | null {
    const { oldest, oldestTs, head } = this.#load();
    const isReusable = seq - oldest >= this.#options.maxEvents || this.#isExpired(oldestTs, now);
    if (oldest > head || !isReusable) return null;
    const [row, next] = this.#storage.read("SELECT id, ts FROM log WHERE seq >= ? ORDER BY seq LIMIT 2", oldest);
    return { id: String(row?.id), nextTs: next && Number(next.ts) };
  }

  #isExpired(ts: number, now: number): boolean {
    return ts <= now - this.#options.ttlMs;
  }

  /** Deletes what is left over after `maxEvents` was lowered. */
  #shrink(): void {
    const { head, oldest } = this.#load();
    const keepFrom = head - this.#options.maxEvents + 1;
    if (oldest >= keepFrom) return;
    this.#storage.write("DELETE FROM log WHERE seq < ?", keepFrom);
    this.invalidate();
  }

  /** An epoch's public name. */
  #nameOf(epoch: string): string {
    const { generation } = this.#options;
    return generation === 0 ? epoch : `${epoch}-${generation}`;
  }

  /** Chains an event to the one before of its product. Returns what its row stores of that. */
  #link(product: string | null, seq: number): { prev?: number } {
    if (!this.#chains) return {};
    // A log that was given up may continue before the last event.
    return { prev: product === null ? 0 : Math.min(this.#chains.extend(product, seq), seq - 1) };
  }

  /** Excludes everything so far from replay, with a filter and without. */
  #endReplay(extent: Extent): void {
    extent.base = extent.head;
    if (this.#chains) extent.chainedAfter = extent.head;
    writeEpoch(this.#storage, extent);
  }

  /**
   * Begins the chains after the last event if they do not lead to it, because another version wrote it: positions before
   * it are resumed without the chains. Each event extends a chain, so those that lead to the last one are whole.
   */
  #repairChains(): void {
    if (!this.#chains) return;
    const extent = this.#load();
    const { oldest, head, chainedAfter } = extent;
    const last = this.#storage.read("SELECT product FROM log WHERE seq = ?", head)[0];
    const isWhole = oldest > head || this.#chains.lastSeq(String(last?.product)) === head;
    if (chainedAfter !== undefined && isWhole) return;
    this.#chains.adopt();
    extent.chainedAfter = head;
    writeEpoch(this.#storage, extent);
  }
}
