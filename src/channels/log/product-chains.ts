import type { Storage } from "../storage.ts";
import { readLink } from "./log-row.ts";
import { REPLAY_ROWS, type ReplayRow } from "./replay.ts";

/** Knows each product's last event. From there, each log row's `prev` leads to the product's previous event. */
export interface ProductChains {
  /** Returns the `seq` of a product's last event, or 0. For a forgotten product, it may be that of a later event. */
  lastSeq(product: string): number;
  /** Makes `seq` a product's last event. Returns the previous one. */
  extend(product: string, seq: number): number;
  /** Takes over the data of an earlier version, which does not know chains. */
  adopt(): void;
}

/**
 * A product's rows after a position, newest first, beginning with its row at a given `seq`. `CROSS JOIN` makes SQLite follow
 * the chain, and look each row up in the log (SQLite, "Manual Control of Query Plans Using CROSS JOIN").
 */
const CHAIN = `
  WITH RECURSIVE chain (seq) AS (
    SELECT ?1
    UNION ALL
    SELECT log.prev FROM chain JOIN log ON log.seq = chain.seq WHERE log.prev > ?2
  )
  SELECT seq, ts, product, prev, frame FROM chain CROSS JOIN log USING (seq) LIMIT ?3`;

/**
 * Reads the rows of some products after a position, however many events of other products lie between them: each
 * product's newest row first. Ends with null when a row has left the log or may have, and with `damaged` when one
 * cannot be read.
 */
export function* chainedRows(
  storage: Storage,
  chains: ProductChains,
  products: string[],
  since: number,
): Generator<ReplayRow> {
  for (const product of new Set(products)) {
    for (let next = chains.lastSeq(product); next > since; ) {
      const rows = storage.read(CHAIN, next, since, REPLAY_ROWS);
      if (rows.length === 0) return yield null;
      for (const row of rows) {
        // A row of another product stands where a forgotten product's event may have been.
        if (row.seq !== next || row.product !== product) return yield null;
        yield row;
        const link = readLink(row);
        if (link === null) return yield "damaged";
        next = link;
      }
    }
  }
}
