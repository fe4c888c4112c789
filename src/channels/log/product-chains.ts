import type { Storage } from "../storage.ts";
import type { LoggedFrame } from "./log-event.ts";
import { readChainedRow, readStoredFrame } from "./log-row.ts";
import { MAX_REPLAY_CHARACTERS, REPLAY_ROWS, type Replay } from "./replay.ts";

/** Knows each product's last event. From there, each log row's `prev` leads to the product's previous event. */
export interface ProductChains {
  /** Returns the `seq` of a product's last event, or 0. For a forgotten product, it may be that of a later event. */
  lastSeq(product: string): number;
  /** Makes `seq` a product's last event. Returns the previous one. */
  extend(product: string, seq: number): number;
  /** Takes over the data of an earlier version, which does not know chains. */
  adopt(): void;
}

/** A product's rows after a position, newest first, beginning with its row at a given `seq`. */
const CHAIN = `
  WITH RECURSIVE chain (seq) AS (
    SELECT ?1
    UNION ALL
    SELECT log.prev FROM chain JOIN log ON log.seq = chain.seq WHERE log.prev > ?2
  )
  SELECT seq, ts, product, prev, frame FROM chain JOIN log USING (seq) LIMIT ?3`;

/**
 * Reads the events of some products after a position, however many events of other products lie between them.
 * @param keepAfter The log forgets events up to this time, in milliseconds since 1970.
 * @returns null when one of them has or may have left the log, when the first one is too old, or when they exceed one
 * replay; `damaged` when one cannot be read.
 */
export function readChains(
  storage: Storage,
  chains: ProductChains,
  { products, since, keepAfter }: { products: string[]; since: number; keepAfter: number },
): Replay {
  const found: { frame: LoggedFrame; ts: number }[] = [];
  let length = 0;
  for (const product of new Set(products)) {
    for (let next = chains.lastSeq(product); next > since; ) {
      const rows = storage.read(CHAIN, next, since, REPLAY_ROWS);
      if (rows.length === 0) return null;
      for (const stored of rows) {
        // A row of another product stands where a forgotten product's event may have been.
        if (stored.seq !== next || stored.product !== product) return null;
        const row = readChainedRow(stored);
        const text = readStoredFrame(stored.frame);
        if (!row || text === null) return "damaged";
        length += text.length;
        if (length > MAX_REPLAY_CHARACTERS) return null;
        found.push({ frame: { seq: row.seq, productId: product, text }, ts: row.ts });
        next = row.prev;
      }
    }
  }
  found.sort((a, b) => a.frame.seq - b.frame.seq);
  if (found[0] && found[0].ts <= keepAfter) return null;
  return found.map(({ frame }) => frame);
}
