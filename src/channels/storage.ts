import type * as z from "zod";
import { parseJson } from "../protocol/json.ts";
import { combineMigrations, createdBy, EPOCH_DOCUMENT, LOG_COLUMNS, LOG_TABLES, type Migrations } from "./layout.ts";

/** All that is left after an erasure, so that late events do not recreate the channel. */
const TOMBSTONE = "CREATE TABLE tombstone (deleted_at INTEGER NOT NULL)";
/** The document that holds the layout's number. Storage without it has layout 1. */
const LAYOUT = "layout";

/**
 * A channel object's SQLite storage. Nothing is created before the first write, so a refused connection leaves no trace;
 * reads of an empty storage answer as if the tables existed and were empty.
 */
export class Storage {
  readonly #storage: DurableObjectStorage;
  readonly #migrations: Migrations;
  #contents: { hasData: boolean; erasedAt: number | null } = { hasData: false, erasedAt: null };
  readonly #rows = { read: 0, written: 0 };

  private constructor(storage: DurableObjectStorage, migrations: Migrations) {
    this.#storage = storage;
    this.#migrations = combineMigrations(migrations);
  }

  /**
   * Opens an object's storage and migrates its contents to this version's layout.
   * @param migrations Those of this kind of channel; the ones that all kinds share are added.
   */
  static open(storage: DurableObjectStorage, migrations: Migrations): Storage {
    const opened = new Storage(storage, migrations);
    storage.transactionSync(() => opened.#migrate());
    return opened;
  }

  /** Rows read and written since the object woke, indexes and deletes included: what the platform bills. */
  get rows(): { read: number; written: number } {
    return { ...this.#rows };
  }

  /** Returns whether anything is stored here, besides a tombstone. */
  hasData(): boolean {
    return this.#contents.hasData;
  }

  /** Returns when everything was erased, in milliseconds since 1970; null if it was not, or if data was written since. */
  erasedAt(): number | null {
    return this.#contents.erasedAt;
  }

  read(query: string, ...values: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.hasData() ? this.#exec(query, ...values) : [];
  }

  write(query: string, ...values: SqlStorageValue[]): void {
    if (!this.hasData()) this.#create();
    this.#exec(query, ...values);
  }

  /** Returns a document, or null when there is none or this version cannot read it. */
  readState<T>(name: string, schema: z.ZodType<T>): T | null {
    const text = this.read("SELECT value FROM state WHERE name = ?", name)[0]?.value;
    return schema.safeParse(parseJson(String(text))).data ?? null;
  }

  writeState(name: string, value: unknown): void {
    this.write("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", name, JSON.stringify(value));
  }

  /** Empties the log. Recreating it writes far fewer rows than deleting its rows, each of which would be billed. */
  truncateLog(): void {
    if (!this.hasData()) return;
    for (const table of LOG_TABLES) this.#exec(`DROP TABLE IF EXISTS ${table}`);
    for (const statement of this.#migrations.flat()) {
      if (LOG_TABLES.includes(createdBy(statement)?.table ?? "")) this.#exec(statement);
    }
  }

  /** Runs `body` in a transaction, which is rolled back when `body` throws. */
  transaction<T>(body: () => T): T {
    const before = this.#contents;
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
      for (const name of this.#tables().keys()) this.#exec(`DROP TABLE ${name}`);
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

  #migrate(): void {
    const tables = this.#tables();
    if (!tables.has("state") && !tables.has("log")) {
      const row = tables.has("tombstone") ? this.#exec("SELECT deleted_at FROM tombstone")[0] : undefined;
      this.#contents = { hasData: false, erasedAt: row ? Number(row.deleted_at) : null };
      return;
    }
    this.#contents = { hasData: true, erasedAt: null };
    const stored = tables.has("state") ? this.#exec("SELECT value FROM state WHERE name = ?", LAYOUT)[0] : undefined;
    // A later version's layout has everything that this version knows.
    const layout = Number(stored?.value ?? 1);
    for (const [i, statements] of this.#migrations.entries()) {
      for (const statement of statements) {
        const created = createdBy(statement);
        // Tables and columns are checked whatever the stored layout: after a rollback, an earlier version may have
        // recreated a table without a column that was added since.
        if (created ? !exists(tables, created) : i >= layout) this.#exec(statement);
      }
    }
    if (layout < this.#migrations.length) this.#writeLayout();
    if (!LOG_COLUMNS.every((column) => exists(tables, { table: "log", column }))) this.#dropLog();
  }

  /** Loses only the log and its epoch: resuming clients receive the new epoch and know that history was lost. */
  #dropLog(): void {
    this.truncateLog();
    this.#exec("DELETE FROM state WHERE name = ?", EPOCH_DOCUMENT);
  }

  #create(): void {
    if (this.erasedAt() !== null) this.#exec("DROP TABLE tombstone");
    for (const statement of this.#migrations.flat()) this.#exec(statement);
    this.#contents = { hasData: true, erasedAt: null };
    if (this.#migrations.length > 1) this.#writeLayout();
  }

  #writeLayout(): void {
    this.#exec("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", LAYOUT, String(this.#migrations.length));
  }

  /** The tables of channels, of this version or another: the CREATE statement by name. */
  #tables(): Map<string, string> {
    const rows = this.#exec(
      "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    );
    return new Map(rows.map(({ name, sql }) => [String(name), String(sql)]));
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

/** Whether a table exists, with a column. @param tables The CREATE statement by table. */
function exists(tables: Map<string, string>, { table, column }: { table: string; column: string | null }): boolean {
  const create = tables.get(table);
  return create !== undefined && (column === null || new RegExp(`\\b${column}\\b`).test(create));
}
