import { countOf } from "../shared/count-of.ts";
import { billFor, PRICES_DATE } from "./bill.ts";
import { capacitiesFor } from "./capacity.ts";
import type { Load } from "./load.ts";
import { peersFor } from "./peers.ts";
import { ratesOf } from "./rates.ts";

type Estimate = ReturnType<typeof estimateFor>;
type Rates = Estimate["rates"];

/** Returns what `tidings cost` knows about a load: its rates, the bill, what peers charge, and its share of each limit. */
export function estimateFor(load: Load) {
  return { rates: ratesOf(load), bill: billFor(load), peers: peersFor(load), limits: capacitiesFor(load) };
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const amount = (value: number) => compact.format(value);
const dollars = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percentage = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });
const percent = (share: number) => percentage.format(share);

const row = (name: string, usd: number | null, note: string) =>
  `  ${name.padEnd(19)}${(usd === null ? "on request" : dollars.format(usd)).padStart(12)}  ${note}`;

/** Formats an estimate as `tidings cost` prints it. */
export function estimateInWords(load: Load, { rates, bill, peers, limits }: Estimate): string {
  const isTooMuch = limits.some(({ needed, limit }) => needed > limit);
  return [
    loadInWords(load, rates),
    ratesInWords(load, rates),
    "",
    `Cloudflare, $ a month (Workers pricing and Durable Objects pricing of ${PRICES_DATE})`,
    row("Paid plan", bill.plan_usd, "buys the included amounts"),
    ...bill.lines.map(({ meter, usd, used, included, parts }) => {
      const uses = Object.entries(parts).map(([part, value]) => `${part} ${amount(value)}`);
      return row(meter, usd, `${amount(used)}, ${amount(included)} included: ${uses.join(", ")}`);
    }),
    row("Total", bill.usd, `${dollars.format(bill.usd_awake)} if no object ever slept`),
    "  Extra: order channels (the same counts; each is awake while it works), Redis (Upstash: $0.20 per 100,000 commands)",
    "",
    `Elsewhere, $ a month (list prices of ${PRICES_DATE})`,
    ...peers.map(({ name, usd, basis }) => row(name, usd, basis)),
    "",
    `Limits, nearest first, and how to raise each${isTooMuch ? " (one is exceeded, which the bill ignores)" : ""}`,
    ...limits.map(
      ({ what, needed, limit, remedy }) =>
        `  ${percent(needed / limit).padStart(8)}  ${what}: ${amount(needed)} of ${amount(limit)} → ${remedy}`,
    ),
    ...bill.lines.flatMap(({ meter, free_plan }) =>
      free_plan === null || free_plan <= 1
        ? []
        : `  ${percent(free_plan).padStart(8)}  ${meter} of a day on the free plan → the paid plan`,
    ),
  ].join("\n");
}

function loadInWords(load: Load, { shards: serving }: Rates): string {
  const { listeners, events, session, batch, filtered, plain, shards, regions } = load;
  return [
    `${listeners.toLocaleString("en")} ${plain ? "plain " : ""}listeners, ${session} minutes each`,
    filtered ? `${filtered.products} of ${filtered.of} products` : "all products",
    `${countOf(events, "event")}/s, ${batch} per call`,
    `PRODUCTS_SHARDS=${shards}: ${serving === 0 ? "the root alone" : `the root and ${countOf(serving, "shard")} in ${countOf(regions, "region")}`}`,
  ].join("; ");
}

function ratesInWords({ events }: Load, rates: Rates): string {
  const { publishes, connects, joins, sends, shards, pushes, reports, acks, registries, awake } = rates;
  const perSecond = [
    `publish calls ${amount(publishes)}`,
    `connections ${amount(connects)}${shards > 0 ? ` (${amount(joins)} ask the root)` : ""}`,
    `messages to listeners ${amount(sends)}`,
    ...(shards > 0 ? [`pushes ${amount(pushes)} (${amount(pushes / events)} per event)`] : []),
    `reports ${amount(reports)}`,
    `acknowledgements ${amount(acks)}`,
  ];
  const shares = [
    `root ${percent(awake.root)}`,
    ...(shards > 0 ? [`each shard ${percent(awake.shard)}`] : []),
    `${registries === 1 ? "registry" : `each of ${registries} registries`} ${percent(awake.registry)}`,
  ];
  return `Per second: ${perSecond.join(", ")}\nAwake: ${shares.join(", ")}`;
}
