import * as z from "zod";
import { encodeEventFrame, type Position } from "../../protocol/frames.ts";
import type { Storage } from "../storage.ts";
import { type LogRow, parseStored, readLogRow, readStoredFrame } from "./log-row.ts";
import { sameJson } from "./same-json.ts";

/** What the log needs to know of an event. */
export interface LogEvent {
  id: string;
  type: string;
  /** JSON text. */
  data: string;
  productId: string | null;
  /** The publish's `version` and `order` as JSON text; null without either. */
  request: string | null;
}

/** An event as it is sent. */
export interface LoggedFrame {
  seq: number;
  productId: string | null;
  /** The frame as text. */
  text: string;
}

export interface LogOptions {
  maxEvents: number;
  ttlMs: number;
  /** Part of every epoch's name; raising it starts new epochs everywhere, as after a backup was restored. */
  generation: number;
}

/** Longer replays are refused: the object and its sockets share 128 MB (Durable Objects limits). */
export const MAX_REPLAY_CHARACTERS = 8 * 1024 * 1024;
/** Rows per query; bounds memory before the length check. */
const REPLAY_ROWS = 100;

/** What a stored frame is compared by. */
const storedEvent = z.object({ type: z.string(), data: z.unknown() });

const channelState = z.object({
  epoch: z.string().min(1),
  /** Replay begins after this `seq`: what came before belongs to another epoch or owner, or has left the log. */
  base: z.int().min(0),
  /** When the epoch began, in milliseconds since 1970. */
  since: z.number().default(0),
});

/** Where the log begins and ends; read once after each wake. Times are in milliseconds since 1970. */
interface Extent {
  epoch: string;
  /** Whether the epoch is stored, and so the channel exists. */
  isOpen: boolean;
  /** When the epoch began; 0 before it is stored. */
  epochStartedAt: number;
  /** Replay begins after this `seq`. */
  base: number;
  /** The first `seq` in the log; `head + 1` when it is empty. */
  oldest: number;
  oldestTs: number;
  /** The `seq` of the last event. */
  head: number;
  headTs: number;
}

/**
 * A channel's history: the last events in `seq` order without a hole, at most `maxEvents` of them. In a full log the
 * oldest row is rewritten to become the newest, so that an event costs one written row. Event ids are remembered as long
 * as their rows exist, which is at least as long as they can be replayed.
 */
export class EventLog {
  readonly #storage: Storage;
  readonly #options: LogOptions;
  #extent: Extent | undefined;
  /** `seq` by event id; read in one scan when the first event after a wake arrives. */
  #ids: Map<string, number> | undefined;

  constructor(storage: Storage, options: LogOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  position(): Position {
    const { epoch, head } = this.#load();
    return { epoch: this.#nameOf(epoch), seq: head };
  }

  /** Returns the `seq` of the event with this id, if the log holds it. */
  find(id: string): number | undefined {
    return this.#loadIds().get(id);
  }

  /** Stores the epoch, so that the channel exists from now on. */
  open(): void {
    const extent = this.#load();
    if (extent.isOpen) return;
    extent.epochStartedAt = Date.now();
    this.#writeChannel(extent);
    extent.isOpen = true;
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
    extent.isOpen = true;
    this.#raiseBase(extent);
  }

  /** Excludes everything so far from replay, within the epoch: the next listeners may not see it. */
  endReplay(): void {
    this.#raiseBase(this.#load());
  }

  /**
   * Appends an event and gives it the next `seq`.
   * @param now Milliseconds since 1970. If the clock was set back, the last event's time is used.
   */
  append(event: LogEvent, now: number): LoggedFrame {
    this.open();
    const extent = this.#load();
    const ids = this.#loadIds();
    const seq = extent.head + 1;
    const ts = Math.max(now, extent.headTs);
    const text = encodeEventFrame({ ...event, seq, ts });
    const reusable = this.#reusableRow(seq, now);
    if (reusable) {
      this.#storage.write(
        "UPDATE log SET seq = ?, id = ?, ts = ?, product = ?, request = ?, frame = ? WHERE seq = ?",
        ...[seq, event.id, ts, event.productId, event.request, text, extent.oldest],
      );
      ids.delete(reusable.id);
      extent.oldest++;
      extent.oldestTs = reusable.nextTs ?? ts;
    } else {
      this.#storage.write(
        "INSERT INTO log (seq, id, ts, product, request, frame) VALUES (?, ?, ?, ?, ?, ?)",
        ...[seq, event.id, ts, event.productId, event.request, text],
      );
    }
    ids.set(event.id, seq);
    if (extent.oldest === seq) extent.oldestTs = ts;
    extent.head = seq;
    extent.headTs = ts;
    this.#shrink();
    return { seq, productId: event.productId, text };
  }

  /** Returns whether event `seq` came from the same request as this one; the order of JSON keys does not matter. */
  isSameEvent(seq: number, event: LogEvent): boolean {
    const row = this.#storage.read("SELECT request, frame FROM log WHERE seq = ?", seq)[0];
    const stored = storedEvent.safeParse(parseStored(row?.frame)).data;
    // A damaged row is no reason to apply its event again.
    if (!stored) return true;
    return (
      stored.type === event.type &&
      sameJson(stored.data, JSON.parse(event.data)) &&
      sameJson(parseStored(row?.request), parseStored(event.request))
    );
  }

  /**
   * Returns every event after a position, in order.
   * @returns null when that is impossible: another epoch, a position that never existed, history that no longer reaches
   * back, or more than fits one replay.
   */
  readSince({ epoch, seq: since }: Position, now: number): LoggedFrame[] | null {
    const extent = this.#load();
    if (epoch !== this.#nameOf(extent.epoch) || since > extent.head) return null;
    if (since === extent.head) return [];
    if (since < extent.base || since + 1 < extent.oldest) return null;
    const frames: LoggedFrame[] = [];
    let length = 0;
    const query = "SELECT seq, ts, product, frame FROM log WHERE seq > ? ORDER BY seq LIMIT ?";
    for (let from = since; from < extent.head; from += REPLAY_ROWS) {
      for (const stored of this.#storage.read(query, from, REPLAY_ROWS)) {
        const row = readLogRow(stored);
        const text = readStoredFrame(stored.frame);
        if (!row || text === null) {
          // A client that needs this row has lost an event; a new epoch says so to every client that resumes.
          this.startEpoch(now);
          return null;
        }
        length += text.length;
        if (length > MAX_REPLAY_CHARACTERS || (frames.length === 0 && this.#isExpired(row.ts, now))) return null;
        const { product } = stored;
        frames.push({ seq: row.seq, productId: product === null ? null : String(product), text });
      }
    }
    return frames;
  }

  /** Returns when the last event becomes too old to replay, in milliseconds since 1970; Infinity for an empty log. */
  expiresAt(): number {
    const { oldest, head, headTs } = this.#load();
    return oldest > head ? Number.POSITIVE_INFINITY : headTs + this.#options.ttlMs;
  }

  /** Empties the log when its last event is too old to replay. The position stays, and `seq` continues from it. */
  dropExpired(now: number): void {
    if (now < this.expiresAt()) return;
    this.#raiseBase(this.#load());
    this.#storage.truncateLog();
    this.invalidate();
  }

  /** Discards what is cached in memory, after a rollback or an erasure. */
  invalidate(): void {
    this.#extent = undefined;
    this.#ids = undefined;
  }

  #load(): Extent {
    if (!this.#extent) {
      const [first, last] = this.#ends();
      const channel = this.#storage.readState("channel", channelState);
      const head = Math.max(last?.seq ?? 0, channel?.base ?? 0);
      const hasData = this.#storage.hasData();
      this.#extent = {
        epoch: channel?.epoch ?? randomEpoch(),
        isOpen: channel !== null,
        epochStartedAt: channel?.since ?? 0,
        // Events of an epoch that cannot be read are not replayed in the next one.
        base: channel?.base ?? head,
        oldest: first?.seq ?? head + 1,
        oldestTs: first?.ts ?? 0,
        head,
        headTs: last?.ts ?? 0,
      };
      // Something is stored, but no epoch that this version can read: clients that resume must learn of a new one.
      if (hasData) this.open();
    }
    return this.#extent;
  }

  /** Returns the first and last row. A log in which one of them is damaged is given up, its highest `seq` excepted. */
  #ends(): (LogRow | undefined)[] {
    const ends = ["ASC", "DESC"].flatMap((order) =>
      this.#storage.read(`SELECT seq, ts FROM log ORDER BY seq ${order} LIMIT 1`),
    );
    const rows = ends.map(readLogRow);
    if (!rows.includes(null)) return rows.filter((row) => row !== null);
    const query = "SELECT max(seq) AS seq FROM log WHERE seq BETWEEN 1 AND ?";
    const head = Number(this.#storage.read(query, Number.MAX_SAFE_INTEGER)[0]?.seq ?? 0);
    this.#storage.transaction(() => {
      this.#storage.truncateLog();
      const base = Math.max(head, this.#storage.readState("channel", channelState)?.base ?? 0);
      this.#writeChannel({ epoch: randomEpoch(), base, epochStartedAt: Date.now() });
    });
    return [];
  }

  #loadIds(): Map<string, number> {
    this.#ids ??= new Map(
      this.#storage.read("SELECT id, seq FROM log").map(({ id, seq }) => [String(id), Number(seq)]),
    );
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

  #raiseBase(extent: Extent): void {
    extent.base = extent.head;
    this.#writeChannel(extent);
  }

  #writeChannel({ epoch, base, epochStartedAt }: Pick<Extent, "epoch" | "base" | "epochStartedAt">): void {
    const state = { epoch, base, since: epochStartedAt } satisfies z.infer<typeof channelState>;
    this.#storage.writeState("channel", state);
  }
}

/** Returns a new name for an epoch. Repeats one by chance only: 32 random bits. */
function randomEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}
