import { MONTH_DAYS, MONTH_SECONDS } from "./bill.ts";
import { COUNTS, type Load } from "./load.ts";
import { ratesOf } from "./rates.ts";

/** Dollars per month, connections, millions of messages per day. */
const PUSHER_PLANS = [
  [49, 500, 1],
  [99, 2000, 4],
  [299, 5000, 10],
  [499, 10_000, 20],
  [699, 15_000, 40],
  [899, 20_000, 60],
  [1199, 30_000, 90],
] as const;

/** An assumption, not a price list: machines of 2 virtual CPUs, at least two of them, and a managed Redis. */
const MACHINE = { usd: 24, sockets: 10_000, sends: 50_000 };
const REDIS_USD = 15;

/**
 * Returns a load's price elsewhere, in dollars per month; null beyond the price list. `basis` explains the price and names
 * its source. Peers bill each delivered event.
 */
export function peersFor(load: Load): { name: string; usd: number | null; basis: string }[] {
  const { listeners, events } = load;
  const { deliveries, connects } = ratesOf(load);
  const millions = (perSecond: number) => (perSecond * MONTH_SECONDS) / 1e6;
  const messages = millions(events + deliveries);
  const minutes = millions(listeners / 60);

  const ably = 2.5 * messages + minutes + millions(1 / 60);
  // Connecting and subscribing are operations.
  const appSync = messages + millions(2 * connects) + 0.08 * minutes;
  const azureUnits = Math.ceil(listeners / 1000);
  const azureMessages = millions((deliveries * COUNTS.charactersPerEvent) / 2048);
  const azure = 1.61 * azureUnits * MONTH_DAYS + Math.max(azureMessages - azureUnits * MONTH_DAYS, 0);
  const pusher = PUSHER_PLANS.find((plan) => listeners <= plan[1] && messages / MONTH_DAYS <= plan[2])?.[0] ?? null;
  const machines = Math.max(2, Math.ceil(listeners / MACHINE.sockets), Math.ceil(deliveries / MACHINE.sends));

  const rows: [name: string, usd: number | null, basis: string][] = [
    ["Ably", ably, "messages $2.50/M, connection and channel minutes $1/M; the package is extra (Ably, Pricing)"],
    ["AppSync Events", appSync, "operations $1/M, connection minutes $0.08/M (AWS AppSync pricing)"],
    ["Azure Web PubSub", azure, "unit of 1,000 sockets and 1 M × 2 KB sent $1.61/day, then $1/M (Web PubSub pricing)"],
    ["Pusher", pusher, "the smallest plan that is large enough, up to $1,199 (Pusher Channels pricing)"],
    [
      "Self-hosting",
      machines * MACHINE.usd + REDIS_USD,
      `an assumption: ${machines} small machines at $${MACHINE.usd}, Redis at $${REDIS_USD}; traffic and operation are extra`,
    ],
  ];
  return rows.map(([name, usd, basis]) => ({ name, usd, basis }));
}
