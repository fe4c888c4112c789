import type * as z from "zod";

/** The tables of every channel, as this version writes them. */
const TABLES: Record<string, string> = {
  // One JSON document per name. They are small and few, so each is rewritten as a whole.
  state: "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  // The frame is the last column, so that scanning the others does not read the overflow pages of long frames.
  // `request` holds what the publish said besides the event; null when it said nothing.
  log: "CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, ts INTEGER NOT NULL, product TEXT, request TEXT, frame TEXT NOT NULL)",
};

/** All that is left after an erasure, so that late events do not recreate what was erased. */
const TOMBSTONE = "CREATE TABLE tombstone (deleted_at INTEGER NOT NULL)";

/** What a look into the storage finds. */
interface Contents {
  hasData: boolean;
  /** When the data was erased, in milliseconds since 1970; null when it was not, or exists again. */
  erasedAt: number | null;
}

/**
 * A channel object's SQLite storage. Nothing is created before the first write, so a refused connection leaves no trace;
 * reads of an empty storage answer as if the tables existed and were empty.
 */
export class Storage {
  readonly #storage: DurableObjectStorage;
  readonly #tables: Record<string, string>;
  /** Read when first needed after each wake. */
  #contents: Contents | undefined;
  readonly #rows = { read: 0, written: 0 };

  /** @param moreTables Tables besides those of every channel: the CREATE statement by name. */
  constructor(storage: DurableObjectStorage, moreTables: Record<string, string>) {
    this.#storage = storage;
    this.#tables = { ...TABLES, ...moreTables };
  }

  /** Rows read and written since the object woke, indexes and deletes included: what the platform bills. */
  get rows(): { read: number; written: number } {
    return { ...this.#rows };
  }

  /** Returns whether anything is stored here, besides a tombstone. */
  hasData(): boolean {
    return this.#open().hasData;
  }

  /** Returns when everything was erased, in milliseconds since 1970; null when it was not, or something was written since. */
  erasedAt(): number | null {
    return this.#open().erasedAt;
  }

  read(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.hasData() ? this.#exec(query, ...values) : [];
  }

  write(query: string, ...values: SqlStorageValue[]): void {
    if (!this.hasData()) {
      if (this.erasedAt() !== null) this.#exec("DROP TABLE tombstone");
      for (const statement of Object.values(this.#tables)) this.#exec(statement);
      this.#contents = { hasData: true, erasedAt: null };
    }
    this.#exec(query, ...values);
  }

  /** Returns a document, or null when there is none or this version cannot read it. */
  readState<T>(name: string, schema: z.ZodType<T>): T | null {
    const text = this.read("SELECT value FROM state WHERE name = ?", name)[0]?.value;
    try {
      return schema.safeParse(JSON.parse(String(text))).data ?? null;
    } catch {
      return null;
    }
  }

  writeState(name: string, value: unknown): void {
    this.write("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", name, JSON.stringify(value));
  }

  /** Empties a table. Recreating it writes far fewer rows than deleting its rows, each of which would be billed. */
  truncate(table: "log"): void {
    this.write(`DROP TABLE ${table}`);
    this.write(this.#tables[table] ?? "");
  }

  /** Runs `body` in a transaction: all of its writes are kept, or none when it throws. */
  transaction<T>(body: () => T): T {
    const before = this.#open();
    try {
      return this.#storage.transactionSync(body);
    } catch (error) {
      this.#contents = before;
      throw error;
    }
  }

  /** Erases everything but a tombstone, in one transaction. @param now Milliseconds since 1970. */
  erase(now: number): void {
    this.transaction(() => {
      for (const name of Object.keys(this.#tables)) this.#exec(`DROP TABLE ${name}`);
      this.#exec(TOMBSTONE);
      this.#exec("INSERT INTO tombstone VALUES (?)", now);
      this.#contents = { hasData: false, erasedAt: now };
    });
  }

  /** Deletes everything stored, the tombstone and the alarm included. */
  async deleteAll(): Promise<void> {
    this.#contents = { hasData: false, erasedAt: null };
    await this.#storage.deleteAll();
  }

  /**
   * Finds out what is stored. A table that another version created with other columns is recreated, empty. For the log
   * that is safe: its epoch is removed as well, so clients that resume learn that history does not reach back.
   */
  #open(): Contents {
    this.#contents ??= this.#look();
    return this.#contents;
  }

  #look(): Contents {
    const stored = this.#exec("SELECT name, sql FROM sqlite_master WHERE type = 'table'");
    const found = new Map(stored.map(({ name, sql }) => [String(name), String(sql)]));
    if (!Object.keys(this.#tables).some((name) => found.has(name))) {
      const rows = found.has("tombstone") ? this.#exec("SELECT deleted_at FROM tombstone") : [];
      return { hasData: false, erasedAt: rows[0] ? Number(rows[0].deleted_at) : null };
    }
    for (const [name, statement] of Object.entries(this.#tables)) {
      if (found.get(name) === statement) continue;
      this.#exec(`DROP TABLE IF EXISTS ${name}`);
      this.#exec(statement);
      if (name === "log" && found.has("state")) this.#exec("DELETE FROM state WHERE name = 'channel'");
    }
    return { hasData: true, erasedAt: null };
  }

  #exec(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    const cursor = this.#storage.sql.exec(query, ...values);
    // Read to the end: a table with an unfinished cursor cannot be dropped (SQLITE_LOCKED).
    const rows = cursor.toArray();
    this.#rows.read += cursor.rowsRead;
    this.#rows.written += cursor.rowsWritten;
    return rows;
  }
}
