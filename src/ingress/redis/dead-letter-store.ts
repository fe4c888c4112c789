import type { DeadLetter } from "./dead-letter.ts";
import { parseStoredLetter } from "./stored-rows.ts";

/** Characters of dead letters loaded at a time: bounds memory. */
const MAX_LOADED_LENGTH = 4 * 1024 * 1024;

/** Stores the dead letters that are not in Redis yet. */
export class DeadLetterStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS dead (row INTEGER PRIMARY KEY, letter TEXT NOT NULL)");
  }

  isEmpty(): boolean {
    return this.#sql.exec("SELECT 1 FROM dead LIMIT 1").toArray().length === 0;
  }

  add(row: number, letter: DeadLetter): void {
    this.#sql.exec("INSERT INTO dead VALUES (?, ?)", row, JSON.stringify(letter));
  }

  /** Returns the oldest letters, as many as fit in memory, but at most `maxLetters`; none when none is left. */
  oldest(maxLetters: number): (DeadLetter & { row: number })[] {
    const letters: (DeadLetter & { row: number })[] = [];
    let length = 0;
    for (const { row, letter } of this.#sql.exec("SELECT row, letter FROM dead ORDER BY row LIMIT ?", maxLetters)) {
      const text = String(letter);
      letters.push({ row: Number(row), ...parseStoredLetter(text) });
      length += text.length;
      if (length >= MAX_LOADED_LENGTH) break;
    }
    return letters;
  }

  remove(rows: number[]): void {
    for (const row of rows) this.#sql.exec("DELETE FROM dead WHERE row = ?", row);
  }
}
