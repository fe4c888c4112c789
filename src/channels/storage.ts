import type { z } from "zod";

/** The tables that every channel has, as this version writes them. */
const TABLES: Record<string, string> = {
  // One JSON document a name. Small and few, so each is rewritten whole.
  state: "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  // The frame stands last, so that a scan of the columns before it does not read the pages a long frame spills over to.
  // `request` is what the publish said besides the event; null when it said nothing.
  log: "CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, ts INTEGER NOT NULL, product TEXT, request TEXT, frame TEXT NOT NULL)",
};

/**
 * An object's SQLite storage. Nothing is created before the first real write, so a stranger who knocks at an object
 * leaves no trace in it; reads of an empty storage answer as if the tables were there and empty.
 */
export class Storage {
  readonly #storage: DurableObjectStorage;
  readonly #tables: Record<string, string>;
  #exists: boolean | undefined;
  readonly #rows = { read: 0, written: 0 };

  /** @param moreTables Tables besides those of every channel: each by name, with the statement that makes it. */
  constructor(storage: DurableObjectStorage, moreTables: Record<string, string>) {
    this.#storage = storage;
    this.#tables = { ...TABLES, ...moreTables };
  }

  /** Rows read and written since the object woke, indexes and deletes included: what the platform bills. */
  get rows(): { read: number; written: number } {
    return { ...this.#rows };
  }

  /** Whether anything was ever written here. */
  get exists(): boolean {
    this.#exists ??= this.#open();
    return this.#exists;
  }

  read(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.exists ? this.#exec(query, ...values) : [];
  }

  write(query: string, ...values: SqlStorageValue[]): void {
    if (!this.exists) {
      for (const statement of Object.values(this.#tables)) this.#exec(statement);
      this.#exists = true;
    }
    this.#exec(query, ...values);
  }

  /** @returns The document, or null when there is none or an older version wrote one that means nothing now. */
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

  /** Empties a table. Making it anew writes far fewer rows than deleting what it holds, each of which would be billed. */
  truncate(table: "log"): void {
    this.write(`DROP TABLE ${table}`);
    this.write(this.#tables[table] ?? "");
  }

  /** All writes in `body` are kept, or none of them when it throws. */
  transaction<T>(body: () => T): T {
    const existed = this.exists;
    try {
      return this.#storage.transactionSync(body);
    } catch (error) {
      this.#exists = existed;
      throw error;
    }
  }

  /** Removes every stored byte, the alarm included. */
  async erase(): Promise<void> {
    this.#exists = false;
    await this.#storage.deleteAll();
  }

  /**
   * Finds out what is there. A table that another version wrote with other columns is made anew, empty. For the log
   * that is an honest loss: its epoch goes with it, so whoever resumes is told that history does not reach back.
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
    // To its end: a table with an unfinished cursor cannot be dropped (SQLITE_LOCKED).
    const rows = cursor.toArray();
    this.#rows.read += cursor.rowsRead;
    this.#rows.written += cursor.rowsWritten;
    return rows;
  }
}
