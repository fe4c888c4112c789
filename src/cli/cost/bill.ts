import { COUNTS, type Load } from "./load.ts";
import { ratesOf } from "./rates.ts";

/** The date of the prices, Cloudflare's and those of its peers. */
export const PRICES_DATE = "2026-11";
const SECONDS_PER_DAY = 86_400;
export const MONTH_DAYS = 30;
export const MONTH_SECONDS = MONTH_DAYS * SECONDS_PER_DAY;

/** Dollars per million beyond a month's included amount on the paid plan (Workers pricing, Durable Objects pricing). */
const METERS = {
  "Worker requests": { included: 10e6, price: 0.3, freePerDay: 100_000 },
  "Worker CPU (ms)": { included: 30e6, price: 0.02, freePerDay: null },
  "Object requests": { included: 1e6, price: 0.15, freePerDay: 100_000 },
  "Rows written": { included: 50e6, price: 1, freePerDay: 100_000 },
  "Object time (GB-s)": { included: 400_000, price: 12.5, freePerDay: 13_000 },
};
const PLAN_USD = 5;
/** Incoming WebSocket messages that are billed as one request. Outgoing ones and pings are free. */
const MESSAGES_PER_REQUEST = 20;
const OBJECT_GB = 0.128;

type Meter = keyof typeof METERS;
/** Usage per second, by meter and by what causes it. */
type Metered = Record<Meter, Record<string, number>>;

/** Returns Cloudflare's monthly bill for a load. */
export function billFor(load: Load) {
  const rates = ratesOf(load);
  const usage = usageOf(load, rates);
  // The root, its shards, the registries and the stream relay.
  const objects = 1 + rates.shards + COUNTS.registries + 1;
  const awake = { ...usage, "Object time (GB-s)": { "all objects": objects * OBJECT_GB } };
  const lines = linesOf(usage);
  return {
    /** The paid plan, which buys the included amounts. */
    plan_usd: PLAN_USD,
    lines,
    usd: totalOf(lines),
    /** The total if no object ever slept. */
    usd_awake: totalOf(linesOf(awake)),
  };
}

function usageOf({ events }: Load, rates: ReturnType<typeof ratesOf>): Metered {
  const { publishes, connects, joins, reports, acks, shards, pushes, registries, awake } = rates;
  const alarms = ((1 + shards) * COUNTS.alarmsPerMinute) / 60;
  const cpuMs = COUNTS.workerMsPerRequest;
  return {
    "Worker requests": { publishes, connections: connects },
    "Worker CPU (ms)": { publishes: publishes * cpuMs, connections: connects * cpuMs },
    "Object requests": {
      publishes: publishes * COUNTS.requestsPerPublishCall,
      connections: connects * COUNTS.requestsPerConnection,
      joins,
      pushes,
      acknowledgements: acks / MESSAGES_PER_REQUEST,
      reports,
      alarms,
    },
    "Rows written": {
      events: events * (COUNTS.rowsPerEvent + 1 / COUNTS.eventsPerChunk),
      connections: connects * COUNTS.rowsPerConnection,
      counters: (registries * COUNTS.registryRowsPerDay) / COUNTS.registries / SECONDS_PER_DAY,
      alarms,
    },
    "Object time (GB-s)": {
      root: awake.root * OBJECT_GB,
      shards: shards * awake.shard * OBJECT_GB,
      registries: registries * awake.registry * OBJECT_GB,
    },
  };
}

function linesOf(usage: Metered) {
  // `Object.keys` loses the type of the keys.
  return (Object.keys(METERS) as Meter[]).map((meter) => {
    const { included, price, freePerDay } = METERS[meter];
    const parts = Object.entries(usage[meter]).flatMap(([part, rate]) =>
      rate > 0 ? [[part, rate * MONTH_SECONDS] as const] : [],
    );
    const used = parts.reduce((sum, [, amount]) => sum + amount, 0);
    return {
      meter,
      usd: (Math.max(used - included, 0) * price) / 1e6,
      /** Per month. */
      used,
      included,
      /** `used`, by what causes it. */
      parts: Object.fromEntries(parts),
      /** The share of a day's amount on the free plan; null without such a limit. */
      free_plan: freePerDay && used / MONTH_DAYS / freePerDay,
    };
  });
}

const totalOf = (lines: { usd: number }[]) => lines.reduce((sum, { usd }) => sum + usd, PLAN_USD);
