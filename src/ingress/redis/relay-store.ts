import { chunksOf } from "../../protocol/chunks.ts";
import type { AcceptedEvent } from "../../protocol/publish.ts";
import { logFault } from "../../telemetry/log.ts";
import type { DeadLetter } from "./dead-letter.ts";
import { DeadLetterStore } from "./dead-letter-store.ts";
import { ReadMemory, storedMemory } from "./read-memory.ts";
import { INITIAL, type RelayState, relayStateFromStored, relayStateToStored, storedState } from "./relay-state.ts";
import { parseStoredEvents, unreadable } from "./stored-rows.ts";

/** Stored key of the state. */
const STATE = "state";
/** Stored key of the list of entries read, but for the most recent ones, which are part of the state. */
const READ_ENTRIES = "read";

/** Events of one channel that wait for delivery, in stream order. */
export interface OutboxRow {
  row: number;
  events: AcceptedEvent[];
}

/** Events of a channel share a row up to this many characters; a row may have 2 MB (Durable Objects limits). */
const MAX_ROW_LENGTH = 512 * 1024;

/**
 * Stores the relay's cursor and the outbox: events read but not delivered yet. Events of one channel that were read
 * together share a row, because every written row costs.
 */
export class RelayStore {
  readonly deadLetters: DeadLetterStore;
  readonly #storage: DurableObjectStorage;
  #state: RelayState;
  #memory = new ReadMemory();
  /** Rows in the outbox by channel: counting them again would read them. */
  readonly #rows = new Map<string, number>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS outbox (channel TEXT, row INTEGER, events TEXT NOT NULL, PRIMARY KEY (channel, row)) WITHOUT ROWID",
    );
    this.deadLetters = new DeadLetterStore(storage.sql);
    for (const { channel, rows } of storage.sql
      .exec("SELECT channel, count(*) AS rows FROM outbox GROUP BY channel")
      .toArray()) {
      this.#rows.set(String(channel), Number(rows));
    }
    this.#state = this.#load();
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Which entries were read lately. */
  get memory(): ReadMemory {
    return this.#memory;
  }

  update(change: Partial<RelayState>): void {
    const state = { ...this.#state, ...change };
    this.#save(state, []);
    this.#state = state;
  }

  /** Records that the stream was trimmed. @param firstLeft The id of the first entry that is left. */
  trimmed(firstLeft: string, change: Partial<RelayState>): void {
    const memory = this.#memory.afterTrim(firstLeft);
    const state = { ...this.#state, ...change, untrimmed: 0, trimmedAt: Date.now() };
    this.#storage.transactionSync(() => {
      this.#storage.kv.put(READ_ENTRIES, memory.listWith([]));
      this.#save(state, [], memory);
    });
    this.#memory = memory;
    this.#state = state;
  }

  /**
   * Appends what was read and moves the cursor in one transaction, so a crash repeats all of it or nothing.
   * @param read The keys of the entries read, to be remembered.
   */
  append(events: AcceptedEvent[], deadLetters: DeadLetter[], change: Partial<RelayState>, read: string[] = []): void {
    let { nextRow } = this.#state;
    const added = new Map<string, number>();
    this.#storage.transactionSync(() => {
      for (const [channel, own] of Map.groupBy(events, (event) => event.channel)) {
        const texts = own.map((event) => JSON.stringify(event));
        for (const chunk of chunksOf(texts, MAX_ROW_LENGTH)) {
          this.#storage.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", channel, nextRow++, `[${chunk.join()}]`);
          added.set(channel, (added.get(channel) ?? 0) + 1);
        }
      }
      for (const letter of deadLetters) this.deadLetters.add(nextRow++, letter);
      this.#save({ ...this.#state, ...change, nextRow }, read);
    });
    this.#state = { ...this.#state, ...change, nextRow };
    this.#memory.add(read);
    for (const [channel, rows] of added) this.#rows.set(channel, this.rowsOf(channel) + rows);
  }

  /** Names the channels with events in the outbox. */
  waitingChannels(): string[] {
    return [...this.#rows.keys()];
  }

  /** Rows in the outbox. */
  get waitingRows(): number {
    return [...this.#rows.values()].reduce((sum, rows) => sum + rows, 0);
  }

  /** Rows in the outbox that wait for a channel. */
  rowsOf(channel: string): number {
    return this.#rows.get(channel) ?? 0;
  }

  /** Events in the outbox, and when the oldest was accepted, in milliseconds since 1970; null when there is none. */
  get backlog(): { events: number; since: number | null } {
    const { events, since } = this.#storage.sql
      .exec(
        "SELECT sum(json_array_length(events)) AS events, min(json_extract(events, '$[0].acceptedAt')) AS since FROM outbox WHERE json_valid(events)",
      )
      .one();
    return { events: Number(events ?? 0), since: typeof since === "number" ? since : null };
  }

  /** Returns a channel's oldest outbox row, or null. Rows that cannot be read become dead letters. */
  oldestRow(channel: string): OutboxRow | null {
    const query = "SELECT row, events FROM outbox WHERE channel = ? ORDER BY row LIMIT 1";
    for (;;) {
      const found = this.#storage.sql.exec(query, channel).toArray()[0];
      if (!found) return null;
      const [row, text] = [Number(found.row), String(found.events)];
      const events = parseStoredEvents(text, Date.now());
      if (events) return { row, events };
      logFault("relay_outbox", new Error("a stored row cannot be read"), { channel });
      this.removeRow(channel, row, [unreadable(channel, text)]);
    }
  }

  /** Removes a row that its channel has handled, and keeps the events that were not delivered as dead letters. */
  removeRow(channel: string, row: number, undelivered: DeadLetter[]): void {
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec("DELETE FROM outbox WHERE channel = ? AND row = ?", channel, row);
      if (undelivered.length > 0) this.append([], undelivered, {});
    });
    const left = this.rowsOf(channel) - 1;
    if (left > 0) this.#rows.set(channel, left);
    else this.#rows.delete(channel);
  }

  /** Removes and counts dead letters that were written to Redis. */
  removeDeadLetters(rows: number[]): void {
    this.#storage.transactionSync(() => {
      this.deadLetters.remove(rows);
      this.update({ deadLetters: this.#state.deadLetters + rows.length });
    });
  }

  #load(): RelayState {
    const stored = this.#storage.kv.get(STATE);
    const parsed = storedState.safeParse(stored).data;
    const state = relayStateFromStored(parsed ?? INITIAL, () => this.#unusedRow());
    if (parsed) {
      const list = storedMemory.safeParse(this.#storage.kv.get(READ_ENTRIES)).data;
      this.#memory = new ReadMemory(list, parsed.read);
      // From a version that stored the whole list with the state.
      if (parsed.read.before !== "") this.#storage.kv.put(READ_ENTRIES, this.#memory.listWith([]));
    } else if (stored !== undefined) {
      // The stream is read from its start. What it no longer has may be lost, so the channels begin new epochs.
      logFault("relay_state", new Error("the stored state cannot be read"));
      return { ...state, gaps: 1, pendingGapAt: Date.now() };
    }
    return state;
  }

  /** Returns a number that no stored row has. */
  #unusedRow(): number {
    const query = "SELECT (SELECT max(row) FROM outbox) AS outbox, (SELECT max(row) FROM dead) AS dead";
    const { outbox, dead } = this.#storage.sql.exec(query).one();
    return Math.max(Number(outbox ?? 0), Number(dead ?? 0)) + 1;
  }

  #save(state: RelayState, read: string[], memory = this.#memory): void {
    const { recent, list } = memory.storedWith(read);
    if (list) this.#storage.kv.put(READ_ENTRIES, list);
    this.#storage.kv.put(STATE, { ...relayStateToStored(state), read: recent });
  }
}
