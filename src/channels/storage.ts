import type { z } from "zod";

/** The layout of what this version writes; see `Storage.readState` for what older ones mean. */
const LAYOUT_STATEMENTS = [
  // One JSON document a name. Small and few, so each is rewritten whole.
  "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  // The frame stands last, so that a scan of the columns before it does not read the pages a long frame spills over to.
  "CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, ts INTEGER NOT NULL, product TEXT, frame TEXT NOT NULL)",
  "CREATE TABLE IF NOT EXISTS versions (product TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
];

/**
 * An object's SQLite storage. Nothing is created before the first real write, so a stranger who knocks at an object
 * leaves no trace in it; reads of an empty storage answer as if the tables were there and empty.
 */
export class Storage {
  readonly #storage: DurableObjectStorage;
  #exists: boolean | undefined;
  #rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Rows written since the object woke, indexes and deletes included: what the platform bills. */
  get rowsWritten(): number {
    return this.#rowsWritten;
  }

  /** Whether anything was ever written here. */
  get exists(): boolean {
    this.#exists ??= this.#exec("SELECT 1 FROM sqlite_master WHERE name = 'state'").length > 0;
    return this.#exists;
  }

  read(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.exists ? this.#exec(query, ...values) : [];
  }

  write(query: string, ...values: SqlStorageValue[]): void {
    if (!this.exists) {
      for (const statement of LAYOUT_STATEMENTS) this.#exec(statement);
      this.#exists = true;
    }
    this.#exec(query, ...values);
  }

  /** @returns The document, or null when there is none or an older version wrote one that means nothing now. */
  readState<T>(name: string, schema: z.ZodType<T>): T | null {
    const text = this.read("SELECT value FROM state WHERE name = ?", name)[0]?.value;
    return typeof text === "string" ? (schema.safeParse(JSON.parse(text)).data ?? null) : null;
  }

  writeState(name: string, value: unknown): void {
    this.write("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", name, JSON.stringify(value));
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

  #exec(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    const cursor = this.#storage.sql.exec(query, ...values);
    const rows = cursor.toArray();
    this.#rowsWritten += cursor.rowsWritten;
    return rows;
  }
}
