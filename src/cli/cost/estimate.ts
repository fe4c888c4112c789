import { billFor } from "./bill.ts";
import { capacitiesFor } from "./capacity.ts";
import type { Load } from "./load.ts";
import { peersFor } from "./peers.ts";
import { ratesOf } from "./rates.ts";

export type Estimate = ReturnType<typeof estimateFor>;

/** Returns what `tidings cost` knows about a load: its rates, the bill, what peers charge, and its share of each limit. */
export function estimateFor(load: Load) {
  return { rates: ratesOf(load), bill: billFor(load), peers: peersFor(load), limits: capacitiesFor(load) };
}
