import * as z from "zod";
import { chunksOf } from "../../protocol/chunks.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import type { StreamEntry } from "./entry.ts";
import { STREAM_START } from "./gaps.ts";

/** Stored key of the state. */
const STATE = "state";

export interface RelayState {
  /** The id of the last entry read; `STREAM_START` before the first. */
  cursor: string;
  /** How many entries had ever been added to the stream when that entry was read; null before that is looked up. */
  entriesAdded: number | null;
  /** Upstash's token that makes reads see earlier writes on any replica. */
  syncToken: string;
  /** The number of the next row in either table. */
  nextRow: number;
  /** How many entries were read since the stream was last trimmed. */
  untrimmed: number;
  /** Gaps found so far. */
  gaps: number;
  /** Dead letters written so far. */
  deadLetters: number;
  /** When a gap was found that some channels have not been notified of, in milliseconds since 1970. */
  pendingGapAt: number | null;
}

/** The stored form, whose field names are those of every version so far. */
const storedState = z.object({
  id: z.string(),
  added: z.number().nullable(),
  syncToken: z.string(),
  nextRow: z.number(),
  untrimmed: z.number(),
  gaps: z.number(),
  deadLetters: z.number(),
  untoldGapAt: z.number().nullable(),
});

const INITIAL: RelayState = {
  cursor: STREAM_START,
  entriesAdded: null,
  syncToken: "",
  nextRow: 1,
  untrimmed: 0,
  gaps: 0,
  deadLetters: 0,
  pendingGapAt: null,
};

/** An entry that cannot be delivered, waiting to be written to the dead-letter stream. */
export interface DeadLetter {
  entry: StreamEntry;
  reason: string;
}

/** Events of one channel that wait for delivery, in stream order. */
export interface OutboxRow {
  row: number;
  events: AcceptedEvent[];
}

/** Events of a channel share a row up to this many characters; a row may have 2 MB (Durable Objects limits). */
const MAX_ROW_LENGTH = 512 * 1024;
/** Dead letters loaded at a time. */
const MAX_DEAD_LETTERS_LOADED = 100;

/**
 * Stores the relay's cursor, the outbox (events read but not delivered yet) and the dead letters not yet written to
 * Redis. Events of one channel that were read together share a row, because every written row costs.
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
    this.#state = readState(storage.kv.get(STATE));
  }

  get state(): RelayState {
    return this.#state;
  }

  update(change: Partial<RelayState>): void {
    const state = { ...this.#state, ...change };
    this.#storage.kv.put(STATE, storedForm(state));
    this.#state = state;
  }

  /** Appends what was read and moves the cursor in one transaction, so a crash repeats all of it or nothing. */
  append(events: AcceptedEvent[], deadLetters: DeadLetter[], change: Partial<RelayState>): void {
    let { nextRow } = this.#state;
    this.#storage.transactionSync(() => {
      for (const [channel, own] of Map.groupBy(events, (event) => event.channel)) {
        const texts = own.map((event) => JSON.stringify(event));
        for (const chunk of chunksOf(texts, MAX_ROW_LENGTH)) {
          this.#storage.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", channel, nextRow++, `[${chunk.join()}]`);
        }
      }
      for (const letter of deadLetters) {
        this.#storage.sql.exec("INSERT INTO dead VALUES (?, ?)", nextRow++, JSON.stringify(letter));
      }
      this.#storage.kv.put(STATE, storedForm({ ...this.#state, ...change, nextRow }));
    });
    this.#state = { ...this.#state, ...change, nextRow };
  }

  /** Names the channels with events in the outbox. */
  waitingChannels(): string[] {
    return this.#storage.sql
      .exec("SELECT DISTINCT channel FROM outbox")
      .toArray()
      .map(({ channel }) => String(channel));
  }

  /** Rows in the outbox. */
  get waitingRows(): number {
    return Number(this.#storage.sql.exec("SELECT count(*) AS rows FROM outbox").one().rows);
  }

  /** Events in the outbox, and when the oldest was accepted, in milliseconds since 1970; null when there is none. */
  get backlog(): { events: number; since: number | null } {
    const { events, since } = this.#storage.sql
      .exec(
        "SELECT sum(json_array_length(events)) AS events, min(json_extract(events, '$[0].acceptedAt')) AS since FROM outbox",
      )
      .one();
    return { events: Number(events ?? 0), since: typeof since === "number" ? since : null };
  }

  /** Returns a channel's oldest outbox row, or null. */
  oldestRow(channel: string): OutboxRow | null {
    const query = "SELECT row, events FROM outbox WHERE channel = ? ORDER BY row LIMIT 1";
    const found = this.#storage.sql.exec(query, channel).toArray()[0];
    if (!found) return null;
    // Written by `append` from validated events; older versions stored no `acceptedAt`.
    const events = JSON.parse(String(found.events)) as AcceptedEvent[];
    const now = Date.now();
    return {
      row: Number(found.row),
      events: events.map((event) => ({ ...event, acceptedAt: event.acceptedAt ?? now })),
    };
  }

  /** Removes a row that its channel has handled, and keeps the events that the channel refused as dead letters. */
  removeRow(channel: string, row: number, refused: DeadLetter[]): void {
    this.#storage.sql.exec("DELETE FROM outbox WHERE channel = ? AND row = ?", channel, row);
    if (refused.length > 0) this.append([], refused, {});
  }

  /** Returns the oldest dead letters that are not in Redis yet. */
  pendingDeadLetters(): (DeadLetter & { row: number })[] {
    return this.#storage.sql
      .exec("SELECT row, letter FROM dead ORDER BY row LIMIT ?", MAX_DEAD_LETTERS_LOADED)
      .toArray()
      .map(({ row, letter }) => ({ row: Number(row), ...(JSON.parse(String(letter)) as DeadLetter) }));
  }

  /** Removes and counts a dead letter that was written to Redis. */
  removeDeadLetter(row: number): void {
    this.#storage.sql.exec("DELETE FROM dead WHERE row = ?", row);
    this.update({ deadLetters: this.#state.deadLetters + 1 });
  }
}

function readState(stored: unknown): RelayState {
  const parsed = storedState.safeParse(stored).data;
  if (!parsed) return INITIAL;
  const { id, added, untoldGapAt, ...same } = parsed;
  return { ...same, cursor: id, entriesAdded: added, pendingGapAt: untoldGapAt };
}

function storedForm({ cursor, entriesAdded, pendingGapAt, ...same }: RelayState): z.infer<typeof storedState> {
  return { ...same, id: cursor, added: entriesAdded, untoldGapAt: pendingGapAt };
}
