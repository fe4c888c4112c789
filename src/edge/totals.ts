import type { Totals } from "../registry/contract.ts";

/** Adds the totals of all registries. The products are one channel, even if several registries know objects of it. */
export function addTotals(totals: Totals[]): Totals {
  const sum = (kind: keyof Totals, what: "channels" | "connections") =>
    totals.reduce((total, kinds) => total + kinds[kind][what], 0);
  return {
    order: { channels: sum("order", "channels"), connections: sum("order", "connections") },
    products: { channels: Math.min(sum("products", "channels"), 1), connections: sum("products", "connections") },
  };
}
