import * as z from "zod";
import { encodeEventFrame, type Position } from "../../protocol/frames.ts";
import type { Storage } from "../storage.ts";

/** What the log needs to know of an event. */
export interface LogEvent {
  id: string;
  type: string;
  /** JSON text. */
  data: string;
  productId: string | null;
  /** What the publish says besides the event, as JSON text; null when it says nothing. */
  request: string | null;
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

/** More characters than this are not replayed: object and sockets share 128 MB (Durable Objects limits). */
export const MAX_REPLAY_LENGTH = 8 * 1024 * 1024;

/** So many rows, of at most 64 KB, are taken into memory before they are counted. */
const REPLAY_ROWS = 100;

const channelState = z.object({
  epoch: z.string().min(1),
  /** The `seq` of the last event that is no longer in the log. */
  base: z.int().min(0),
  /** When the epoch began, in milliseconds since 1970. */
  since: z.number().default(0),
});

/** Where the log begins and ends; read once after each wake. */
interface Extent {
  epoch: string;
  /** Whether the epoch is written down, and so the channel exists. */
  isOpen: boolean;
  /** When the epoch began, in milliseconds since 1970; 0 before it was written down. */
  since: number;
  /** The first `seq` in the log; `head + 1` when it is empty. */
  oldest: number;
  /** When that one was accepted, in milliseconds since 1970. */
  oldestTs: number;
  head: number;
  /** When the last event was accepted, in milliseconds since 1970. */
  headTs: number;
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
  #extent: Extent | undefined;
  /** `seq` by event id: read by one scan when the first event after a wake comes. */
  #ids: Map<string, number> | undefined;

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
    return this.#idsLoaded.get(id);
  }

  /** Writes down the epoch, so that the channel exists from now on. */
  open(): void {
    const extent = this.#loaded;
    if (extent.isOpen) return;
    extent.since = Date.now();
    this.#writeChannel(extent);
    extent.isOpen = true;
  }

  /** When the epoch began, in milliseconds since 1970; 0 when no event and nobody has opened the channel yet. */
  get since(): number {
    return this.#loaded.since;
  }

  /** Begins a new epoch with an empty log: what came before may have a hole that nobody can fill. `seq` goes on. */
  renew(now: number): void {
    const { head } = this.#loaded;
    this.#writeChannel({ epoch: randomEpoch(), head, since: now });
    this.#storage.truncate("log");
    this.forget();
  }

  /**
   * Appends an event and gives it the next `seq`.
   * @param now Milliseconds since 1970. A clock that went back is held at the last event's time.
   */
  append(event: LogEvent, now: number): LoggedFrame {
    this.open();
    const extent = this.#loaded;
    const ids = this.#idsLoaded;
    const seq = extent.head + 1;
    const ts = Math.max(now, extent.headTs);
    const text = encodeEventFrame({ ...event, seq, ts });
    const worn = this.#wornRows(seq, now);
    if (worn) {
      this.#storage.write(
        "UPDATE log SET seq = ?, id = ?, ts = ?, product = ?, request = ?, frame = ? WHERE seq = ?",
        ...[seq, event.id, ts, event.productId, event.request, text, extent.oldest],
      );
      ids.delete(worn.id);
      extent.oldest++;
      extent.oldestTs = worn.nextTs ?? ts;
    } else {
      this.#storage.write(
        "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)",
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

  /** Whether the log's event `seq` came from the same request as this one, whatever the order of their keys. */
  isSameEvent(seq: number, event: LogEvent): boolean {
    const row = this.#storage.read("SELECT request, frame FROM log WHERE seq = ?", seq)[0];
    // The row was written by `append`.
    const stored = JSON.parse(String(row?.frame)) as { type: string; data: unknown };
    const parsed = (text: unknown): unknown => (typeof text === "string" ? JSON.parse(text) : null);
    return (
      stored.type === event.type &&
      sameJson(stored.data, JSON.parse(event.data)) &&
      sameJson(parsed(row?.request), parsed(event.request))
    );
  }

  /**
   * Everything after a position, in order, in one pass over the log.
   * @returns null when it cannot be given whole: another epoch, a position that never was, history that no longer
   * reaches back that far, or more of it than can be sent at once.
   */
  readSince(epoch: string, since: number, now: number): LoggedFrame[] | null {
    const extent = this.#loaded;
    if (epoch !== extent.epoch || !Number.isSafeInteger(since) || since < 0 || since > extent.head) return null;
    if (since === extent.head) return [];
    if (since + 1 < extent.oldest) return null;
    const frames: LoggedFrame[] = [];
    let length = 0;
    const query = "SELECT seq, ts, product, frame FROM log WHERE seq > ? ORDER BY seq LIMIT ?";
    // Some rows at a time, each once: who has seen enough need not take the rest into memory.
    for (let from = since; from < extent.head; from += REPLAY_ROWS) {
      for (const { seq, ts, product, frame } of this.#storage.read(query, from, REPLAY_ROWS)) {
        const text = String(frame);
        length += text.length;
        if (length > MAX_REPLAY_LENGTH || (frames.length === 0 && this.#isExpired(Number(ts), now))) return null;
        frames.push({ seq: Number(seq), productId: product === null ? null : String(product), text });
      }
    }
    return frames;
  }

  /** When the last event is too old to be replayed, in milliseconds since 1970; Infinity when the log is empty. */
  get expiresAt(): number {
    const { oldest, head, headTs } = this.#loaded;
    return oldest > head ? Number.POSITIVE_INFINITY : headTs + this.#limits.ttlMs;
  }

  /** Empties a log whose last event is too old to be replayed. The position stays, and `seq` goes on from it. */
  dropExpired(now: number): void {
    if (now < this.expiresAt) return;
    this.#writeChannel(this.#loaded);
    this.#storage.truncate("log");
    this.forget();
  }

  /** Forgets what is in memory: after a transaction was undone, storage alone knows. */
  forget(): void {
    this.#extent = undefined;
    this.#ids = undefined;
  }

  get #loaded(): Extent {
    if (!this.#extent) {
      const channel = this.#storage.readState("channel", channelState);
      const first = this.#storage.read("SELECT seq, ts FROM log ORDER BY seq LIMIT 1")[0];
      const last = this.#storage.read("SELECT seq, ts FROM log ORDER BY seq DESC LIMIT 1")[0];
      const head = Math.max(Number(last?.seq ?? 0), channel?.base ?? 0);
      this.#extent = {
        epoch: channel?.epoch ?? (this.#storage.exists ? randomEpoch() : this.#firstEpoch()),
        isOpen: channel !== null,
        since: channel?.since ?? 0,
        oldest: Number(first?.seq ?? head + 1),
        oldestTs: Number(first?.ts ?? 0),
        head,
        headTs: Number(last?.ts ?? 0),
      };
      // Something is stored, but no epoch that this version can read: a new one says so to whoever resumes.
      if (this.#storage.exists) this.open();
    }
    return this.#extent;
  }

  get #idsLoaded(): Map<string, number> {
    this.#ids ??= new Map(
      this.#storage.read("SELECT id, seq FROM log").map(({ id, seq }) => [String(id), Number(seq)]),
    );
    return this.#ids;
  }

  /**
   * The id of the oldest row when that may be rewritten to become `seq`, because the log is full or the row too old to
   * be replayed, and when the one behind it was accepted; that is undefined when there is none.
   */
  #wornRows(seq: number, now: number): { id: string; nextTs: number | undefined } | null {
    const { oldest, oldestTs, head } = this.#loaded;
    const isWorn = seq - oldest >= this.#limits.maxEvents || this.#isExpired(oldestTs, now);
    if (oldest > head || !isWorn) return null;
    const [row, next] = this.#storage.read("SELECT id, ts FROM log WHERE seq >= ? ORDER BY seq LIMIT 2", oldest);
    return { id: String(row?.id), nextTs: next && Number(next.ts) };
  }

  #isExpired(ts: number, now: number): boolean {
    return ts <= now - this.#limits.ttlMs;
  }

  /** Only after `maxEvents` was lowered is there more than one row too many. */
  #shrink(): void {
    const { head, oldest } = this.#loaded;
    const keepFrom = head - this.#limits.maxEvents + 1;
    if (oldest >= keepFrom) return;
    this.#storage.write("DELETE FROM log WHERE seq < ?", keepFrom);
    this.forget();
  }

  #writeChannel({ epoch, head, since }: Pick<Extent, "epoch" | "head" | "since">): void {
    this.#storage.writeState("channel", { epoch, base: head, since } satisfies z.infer<typeof channelState>);
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
