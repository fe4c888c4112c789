import { z } from "zod";
import { encodeEventFrame, type Position } from "../protocol/frames.ts";
import type { Storage } from "./storage.ts";

/** What the log needs to know of an event. */
export interface LogEvent {
  id: string;
  type: string;
  /** JSON text. */
  data: string;
  productId: string | null;
}

/** An event as it goes out. */
export interface LoggedFrame {
  seq: number;
  productId: string | null;
  /** The frame as text. */
  text: string;
}

export interface HistoryLimits {
  maxEvents: number;
  ttlMs: number;
}

const channelState = z.object({
  epoch: z.string().min(1),
  /** The `seq` of the last event that is no longer in the log. */
  base: z.int().min(0),
});

/** The log's rows without their frames, as they are kept in memory: rebuilt by one scan after each wake. */
interface Index {
  epoch: string;
  /** Whether the epoch is written down, and so the channel exists. */
  isOpen: boolean;
  head: number;
  /** When the last event was accepted. */
  headTs: number;
  /** By event id, oldest first. */
  events: Map<string, { seq: number; ts: number }>;
}

/**
 * A channel's log: the last events, in `seq` order without a hole, at most `maxEvents` of them. The oldest row is
 * rewritten to become the newest, so that an event costs one written row however full the log is. Event ids are
 * remembered for as long as their rows are there, which is at least as long as they can be replayed.
 */
export class History {
  readonly #storage: Storage;
  readonly #limits: HistoryLimits;
  readonly #firstEpoch: () => string;
  #index: Index | undefined;

  /** @param firstEpoch Names the epoch of a channel that has none yet; asked again after every wake until one is written. */
  constructor(storage: Storage, limits: HistoryLimits, firstEpoch: () => string) {
    this.#storage = storage;
    this.#limits = limits;
    this.#firstEpoch = firstEpoch;
  }

  get position(): Position {
    const { epoch, head } = this.#loaded;
    return { epoch, seq: head };
  }

  /** The `seq` under which an event with this id is in the log. */
  find(id: string): number | undefined {
    return this.#loaded.events.get(id)?.seq;
  }

  /** Writes down the epoch, so that the channel exists from now on. */
  open(): void {
    const index = this.#loaded;
    if (index.isOpen) return;
    this.#storage.writeState("channel", { epoch: index.epoch, base: index.head } satisfies z.infer<
      typeof channelState
    >);
    index.isOpen = true;
  }

  /**
   * Appends an event and gives it the next `seq`.
   * @param now Milliseconds since 1970. A clock that went back is held at the last event's time.
   */
  append(event: LogEvent, now: number): LoggedFrame {
    this.open();
    const index = this.#loaded;
    const oldest = index.events.entries().next().value;
    const seq = index.head + 1;
    const ts = Math.max(now, index.headTs);
    const text = encodeEventFrame({ ...event, seq, ts });
    const isFull = index.events.size >= this.#limits.maxEvents;
    if (oldest && (isFull || this.#isExpired(oldest[1].ts, now))) {
      const [id, { seq: oldestSeq }] = oldest;
      this.#storage.write(
        "UPDATE log SET seq = ?, id = ?, ts = ?, product = ?, frame = ? WHERE seq = ?",
        ...[seq, event.id, ts, event.productId, text, oldestSeq],
      );
      index.events.delete(id);
    } else {
      this.#storage.write("INSERT INTO log VALUES (?, ?, ?, ?, ?)", seq, event.id, ts, event.productId, text);
    }
    index.events.set(event.id, { seq, ts });
    index.head = seq;
    index.headTs = ts;
    this.#shrink();
    return { seq, productId: event.productId, text };
  }

  /** Whether the log's event `seq` is the same as this one: type and data, whatever the order of their keys. */
  isSameEvent(seq: number, event: LogEvent): boolean {
    const text = this.#storage.read("SELECT frame FROM log WHERE seq = ?", seq)[0]?.frame;
    // The row was written by `encodeEventFrame`.
    const stored = JSON.parse(String(text)) as { type: string; data: unknown };
    return stored.type === event.type && sameJson(stored.data, JSON.parse(event.data));
  }

  /**
   * Everything after a position, in order, in one pass over the log.
   * @returns null when it cannot be given whole: another epoch, a position that never was, or history that no longer
   * reaches back that far.
   */
  readSince(epoch: string, since: number, now: number): LoggedFrame[] | null {
    const index = this.#loaded;
    if (epoch !== index.epoch || !Number.isSafeInteger(since) || since < 0 || since > index.head) return null;
    if (since === index.head) return [];
    const rows = this.#storage.read("SELECT seq, ts, product, frame FROM log WHERE seq > ? ORDER BY seq", since);
    const first = rows[0];
    if (first?.seq !== since + 1 || this.#isExpired(Number(first.ts), now)) return null;
    return rows.map(({ seq, product, frame }) => ({
      seq: Number(seq),
      productId: product === null ? null : String(product),
      text: String(frame),
    }));
  }

  /** When the last event is too old to be replayed, in milliseconds since 1970; Infinity when the log is empty. */
  get expiresAt(): number {
    const { events, headTs } = this.#loaded;
    return events.size === 0 ? Number.POSITIVE_INFINITY : headTs + this.#limits.ttlMs;
  }

  /** Empties a log whose last event is too old to be replayed. The position stays, and `seq` goes on from it. */
  dropExpired(now: number): void {
    if (now < this.expiresAt) return;
    const { epoch, head } = this.#loaded;
    this.#storage.writeState("channel", { epoch, base: head } satisfies z.infer<typeof channelState>);
    this.#storage.truncate("log");
    this.forget();
  }

  /** Forgets what is in memory: after a transaction was undone, storage alone knows. */
  forget(): void {
    this.#index = undefined;
  }

  get #loaded(): Index {
    if (!this.#index) {
      const channel = this.#storage.readState("channel", channelState);
      const rows = this.#storage.read("SELECT seq, id, ts FROM log ORDER BY seq");
      const last = rows.at(-1);
      this.#index = {
        epoch: channel?.epoch ?? (this.#storage.exists ? randomEpoch() : this.#firstEpoch()),
        isOpen: channel !== null,
        head: Math.max(Number(last?.seq ?? 0), channel?.base ?? 0),
        headTs: Number(last?.ts ?? 0),
        events: new Map(rows.map(({ seq, id, ts }) => [String(id), { seq: Number(seq), ts: Number(ts) }])),
      };
      // Something is stored, but no epoch that this version can read: a new one says so to whoever resumes.
      if (this.#storage.exists) this.open();
    }
    return this.#index;
  }

  #isExpired(ts: number, now: number): boolean {
    return ts <= now - this.#limits.ttlMs;
  }

  /** Only after `maxEvents` was lowered is there more than one row too many. */
  #shrink(): void {
    const { events, head } = this.#loaded;
    if (events.size <= this.#limits.maxEvents) return;
    const keepFrom = head - this.#limits.maxEvents + 1;
    this.#storage.write("DELETE FROM log WHERE seq < ?", keepFrom);
    for (const [id, { seq }] of events) if (seq < keepFrom) events.delete(id);
  }
}

/** Names an epoch that no other log has had. */
export function randomEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}

/** Whether two parsed JSON values are equal; an object's keys may come in any order. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}
