import type * as z from "zod";

/** The tables of every channel, as this version writes them. */
const TABLES: Record<string, string> = {
  // One JSON document per name. They are small and few, so each is rewritten as a whole.
  state: "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  // The frame is the last column, so that scanning the others does not read the overflow pages of long frames.
  // `request` holds the publish's `version` and `order`; null without either.
  log: "CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, ts INTEGER NOT NULL, product TEXT, request TEXT, frame TEXT NOT NULL)",
};

/**
 * A channel object's SQLite storage. Nothing is created before the first write, so a refused connection leaves no trace;
 * reads of an empty storage answer as if the tables existed and were empty.
 */
export class Storage {
  readonly #storage: DurableObjectStorage;
  readonly #tables: Record<string, string>;
  #hasData: boolean | undefined;
  readonly #rows = { read: 0, written: 0 };

  /** @param moreTables Tables in addition to those of every channel: the CREATE statement by name. */
  constructor(storage: DurableObjectStorage, moreTables: Record<string, string>) {
    this.#storage = storage;
    this.#tables = { ...TABLES, ...moreTables };
  }

  /** Rows read and written since the object woke, indexes and deletes included: what the platform bills. */
  get rows(): { read: number; written: number } {
    return { ...this.#rows };
  }

  /** Returns whether anything has been stored here, after bringing tables of another version to this one's layout. */
  hasData(): boolean {
    this.#hasData ??= this.#open();
    return this.#hasData;
  }

  read(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.hasData() ? this.#exec(query, ...values) : [];
  }

  write(query: string, ...values: SqlStorageValue[]): void {
    if (!this.hasData()) {
      for (const statement of Object.values(this.#tables)) this.#exec(statement);
      this.#hasData = true;
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

  /** Runs `body` in a transaction, which is rolled back when `body` throws. */
  transaction<T>(body: () => T): T {
    const hadData = this.hasData();
    try {
      return this.#storage.transactionSync(body);
    } catch (error) {
      this.#hasData = hadData;
      throw error;
    }
  }

  /** Deletes everything stored, the alarm included. */
  async erase(): Promise<void> {
    this.#hasData = false;
    await this.#storage.deleteAll();
  }

  /**
   * Finds out what is stored. A table that another version created with other columns is recreated, empty. For the log
   * that is safe: its epoch is removed as well, so clients that resume learn that history does not reach back.
   */
  #open(): boolean {
    const stored = this.#exec("SELECT name, sql FROM sqlite_master WHERE type = 'table'");
    const found = new Map(stored.map(({ name, sql }) => [String(name), String(sql)]));
    if (!Object.keys(this.#tables).some((name) => found.has(name))) return false;
    for (const [name, statement] of Object.entries(this.#tables)) {
      if (found.get(name) === statement) continue;
      this.#exec(`DROP TABLE IF EXISTS ${name}`);
      this.#exec(statement);
      if (name === "log" && found.has("state")) this.#exec("DELETE FROM state WHERE name = 'channel'");
    }
    return true;
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
