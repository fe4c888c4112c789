/** A failing channel. */
export interface FailingChannel {
  channel: string;
  /** When it began to fail, in milliseconds since 1970. */
  since: number;
  /** How often it has failed while the platform worked. */
  tries: number;
}

/** Stores which channels are failing, so that the relay knows after its object has left memory. */
export class FailingStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS failing (channel TEXT PRIMARY KEY, since INTEGER NOT NULL, tries INTEGER NOT NULL) WITHOUT ROWID",
    );
  }

  all(): FailingChannel[] {
    return this.#sql
      .exec("SELECT channel, since, tries FROM failing")
      .toArray()
      .map(({ channel, since, tries }) => ({ channel: String(channel), since: Number(since), tries: Number(tries) }));
  }

  save({ channel, since, tries }: FailingChannel): void {
    this.#sql.exec("INSERT OR REPLACE INTO failing (channel, since, tries) VALUES (?, ?, ?)", channel, since, tries);
  }

  remove(channel: string): void {
    this.#sql.exec("DELETE FROM failing WHERE channel = ?", channel);
  }
}
