import * as z from "zod";
import { chunksOf } from "../../protocol/chunks.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import type { StreamEntry } from "./entry.ts";

const relayState = z.object({
  /** The id of the last entry read; `0-0` before the first. */
  id: z.string(),
  /** How many entries the stream had ever been given when that one was read; null before it was looked up. */
  added: z.number().nullable(),
  /** Upstash's token that makes reads see what was read before. */
  syncToken: z.string(),
  /** The number of the next outbox row. */
  nextRow: z.number(),
  /** How many entries were read since the stream was last trimmed. */
  untrimmed: z.number(),
  gaps: z.number(),
  deadLetters: z.number(),
  /** When a gap was found that not everybody has been told of yet, in milliseconds since 1970. */
  untoldGapAt: z.number().nullable(),
});
export type RelayState = z.infer<typeof relayState>;

const INITIAL: RelayState = {
  id: "0-0",
  added: null,
  syncToken: "",
  nextRow: 1,
  untrimmed: 0,
  gaps: 0,
  deadLetters: 0,
  untoldGapAt: null,
};

/** An entry that nobody can deliver, on its way to the dead-letter stream. */
export interface DeadLetter {
  entry: StreamEntry;
  reason: string;
}

/** Events of one channel that wait, in stream order. */
export interface OutboxRow {
  row: number;
  events: AcceptedEvent[];
}

/** A row may be 2 MB; events of a channel are stored together up to this many characters. */
const MAX_ROW_LENGTH = 512 * 1024;

/**
 * What the relay keeps: how far it has read, what it has read and not delivered yet, and what cannot be delivered.
 * Events of one channel that were read together are one row, because each row written costs.
 */
export class RelayStore {
  readonly #storage: DurableObjectStorage;
  #state: RelayState;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS outbox (channel TEXT, row INTEGER, events TEXT NOT NULL, PRIMARY KEY (channel, row)) WITHOUT ROWID",
    );
    storage.sql.exec("CREATE TABLE IF NOT EXISTS dead (row INTEGER PRIMARY KEY, letter TEXT NOT NULL)");
    this.#state = relayState.safeParse(storage.kv.get("state")).data ?? INITIAL;
  }

  get state(): RelayState {
    return this.#state;
  }

  update(change: Partial<RelayState>): void {
    this.#storage.kv.put("state", { ...this.#state, ...change });
    this.#state = { ...this.#state, ...change };
  }

  /** Keeps what was read and moves on, in one transaction: a crash repeats all of it or nothing. */
  keep(events: AcceptedEvent[], dead: DeadLetter[], change: Partial<RelayState>): void {
    let { nextRow } = this.#state;
    this.#storage.transactionSync(() => {
      for (const [channel, own] of Map.groupBy(events, (event) => event.channel)) {
        const texts = own.map((event) => JSON.stringify(event));
        for (const chunk of chunksOf(texts, MAX_ROW_LENGTH)) {
          this.#storage.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", channel, nextRow++, `[${chunk.join()}]`);
        }
      }
      for (const letter of dead) {
        this.#storage.sql.exec("INSERT INTO dead VALUES (?, ?)", nextRow++, JSON.stringify(letter));
      }
      this.#storage.kv.put("state", { ...this.#state, ...change, nextRow });
    });
    this.#state = { ...this.#state, ...change, nextRow };
  }

  /** The channels that something waits for. */
  waitingChannels(): string[] {
    return this.#storage.sql
      .exec("SELECT DISTINCT channel FROM outbox")
      .toArray()
      .map(({ channel }) => String(channel));
  }

  /** How many rows wait. */
  get waiting(): number {
    return Number(this.#storage.sql.exec("SELECT count(*) AS rows FROM outbox").one().rows);
  }

  /** How many events wait, and since when the oldest does, in milliseconds since 1970; null when none does. */
  get backlog(): { events: number; since: number | null } {
    const { events, since } = this.#storage.sql
      .exec(
        "SELECT sum(json_array_length(events)) AS events, min(json_extract(events, '$[0].acceptedAt')) AS since FROM outbox",
      )
      .one();
    return { events: Number(events ?? 0), since: typeof since === "number" ? since : null };
  }

  /** What waits longest for a channel. */
  next(channel: string): OutboxRow | null {
    const query = "SELECT row, events FROM outbox WHERE channel = ? ORDER BY row LIMIT 1";
    const found = this.#storage.sql.exec(query, channel).toArray()[0];
    if (!found) return null;
    // The row was written by `keep`, from events that passed the door; an older version did not keep when that was.
    const events = JSON.parse(String(found.events)) as AcceptedEvent[];
    const now = Date.now();
    return {
      row: Number(found.row),
      events: events.map((event) => ({ ...event, acceptedAt: event.acceptedAt ?? now })),
    };
  }

  /** A channel has taken a row; what it refused for good goes to the dead letters. */
  delivered(channel: string, row: number, dead: DeadLetter[]): void {
    this.#storage.sql.exec("DELETE FROM outbox WHERE channel = ? AND row = ?", channel, row);
    if (dead.length > 0) this.keep([], dead, {});
  }

  deadLetters(): (DeadLetter & { row: number })[] {
    return this.#storage.sql
      .exec("SELECT row, letter FROM dead ORDER BY row LIMIT 100")
      .toArray()
      .map(({ row, letter }) => ({ row: Number(row), ...(JSON.parse(String(letter)) as DeadLetter) }));
  }

  buried(row: number): void {
    this.#storage.sql.exec("DELETE FROM dead WHERE row = ?", row);
    this.update({ deadLetters: this.#state.deadLetters + 1 });
  }
}
