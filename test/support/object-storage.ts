import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** An object's storage in Node: its SQLite and its key-value part, in memory. */
export class MemoryStorage {
  readonly database = new DatabaseSync(":memory:");
  readonly values = new Map<string, unknown>();
  /** Rows written so far. */
  rowsWritten = 0;
  #depth = 0;

  readonly kv = {
    get: (key: string) => structuredClone(this.values.get(key)),
    put: (key: string, value: unknown) => {
      this.rowsWritten++;
      this.values.set(key, structuredClone(value));
    },
    delete: (key: string) => {
      this.rowsWritten++;
      return this.values.delete(key);
    },
    list: ({ prefix = "" } = {}) => [...this.values].filter(([key]) => key.startsWith(prefix)),
  };

  readonly sql = {
    exec: (query: string, ...bindings: SQLInputValue[]) => {
      const statement = this.database.prepare(query);
      const rows = /^\s*SELECT/i.test(query) ? statement.all(...bindings) : [];
      if (!/^\s*SELECT/i.test(query)) this.rowsWritten += Number(statement.run(...bindings).changes);
      return {
        [Symbol.iterator]: () => rows.values(),
        toArray: () => rows,
        one: () => {
          if (rows.length !== 1) throw new Error(`${rows.length} rows, not one`);
          return rows[0];
        },
      };
    },
  };

  transactionSync<T>(body: () => T): T {
    const name = `level_${this.#depth++}`;
    const values = new Map(this.values);
    this.database.exec(`SAVEPOINT ${name}`);
    try {
      const result = body();
      this.database.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      this.database.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      this.values.clear();
      for (const [key, value] of values) this.values.set(key, value);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** As the type that objects know, of which this has the part that the relay's store uses. */
  get asStorage(): DurableObjectStorage {
    return this as unknown as DurableObjectStorage;
  }
}
