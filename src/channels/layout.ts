/**
 * The layouts of a channel's tables, by number. A layout only adds to the one before: tables, or columns with defaults.
 * Tables that it replaces are dropped one version later, so rolling a deployment back one version loses nothing.
 *
 * To change the layout, append a migration: the statements that lead from the layout before. Never edit an earlier one,
 * with one exception: the migration that drops a table (`DROP TABLE IF EXISTS`) also removes the earlier statements about
 * it, because objects would otherwise recreate the table at their next wake.
 *
 * Layout n has the nth migration of `CHANNEL_MIGRATIONS` and the nth of the channel's kind. Objects skip statements of
 * layouts that they have reached, unless these create tables or columns. So a new migration needs a number that neither
 * list has used: first fill its list with empty migrations (`[]`), up to the length of the longest list that it is
 * combined with.
 */
export type Migrations = readonly (readonly string[])[];

/** Every channel's tables. */
const CHANNEL_MIGRATIONS: Migrations = [
  [
    // One JSON document per name. They are small and few, so each is rewritten as a whole.
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    // The frame is the last column, so that scanning the others does not read the overflow pages of long frames.
    // `request` holds the publish's `version` and `order`; null without either.
    "CREATE TABLE log (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, ts INTEGER NOT NULL, product TEXT, request TEXT, frame TEXT NOT NULL)",
  ],
];

/** The document that holds the log's epoch. */
export const EPOCH_DOCUMENT = "channel";

/** The columns of `log` that this version reads. A log without them is dropped. */
export const LOG_COLUMNS = ["seq", "id", "ts", "product", "request", "frame"];

/** The tables of the history: its rows, and chunks of their ids where a history is long. */
export const LOG_TABLES = ["log", "chunks"];

/** Combines every channel's migrations with those of one kind, layout by layout. */
export function combineMigrations(own: Migrations): Migrations {
  const layouts = Math.max(CHANNEL_MIGRATIONS.length, own.length);
  return Array.from({ length: layouts }, (_, i) => [...(CHANNEL_MIGRATIONS[i] ?? []), ...(own[i] ?? [])]);
}

/** Returns the table that a statement creates, or to which it adds a column; null for any other statement. */
export function createdBy(statement: string): { table: string; column: string | null } | null {
  const [, table, altered, column] = /^(?:CREATE TABLE (\w+)|ALTER TABLE (\w+) ADD COLUMN (\w+))/.exec(statement) ?? [];
  if (table) return { table, column: null };
  return altered && column ? { table: altered, column } : null;
}
