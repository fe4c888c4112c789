import { manySockets } from "./limits.ts";
import { measureUnwanted } from "./measures/calls.ts";
import { measureBurst, measureLatency } from "./measures/deliveries.ts";
import { measureResumeInHistory, measureWake, measureWithHistory } from "./measures/history.ts";
import type { Measure } from "./measures/timed.ts";
import { startProductsTarget } from "./targets/service.ts";
import type { Target } from "./targets/target.ts";
import { TARGETS, type TargetName, type TargetPool } from "./targets/targets.ts";

/** How figures grow with listeners, shards, filters and history. */

export interface Curve {
  name: string;
  title: string;
  unit: string;
  /** What grows. */
  x: { title: string; values: number[] };
  rounds: number;
  series: Series[];
}

interface Series {
  title: string;
  /** Returns null when a program that it needs is not installed. */
  prepare(x: number): Promise<Measure | null>;
}

const LISTENERS = [1, 10, 100, 1000, 5000];
const SHARDS = [0, 1, 4, 16];
const HISTORY = [1, 10, 100, 1000, 10_000, 100_000];
/** A shard receives the first event after quiet at once, and later ones four times a second. */
const QUIET_MS = 400;
/** The peers that have listeners. */
const SENDERS = ["tidings", "bare", "party", "node", "socketIo"] as const;

/** Fewer samples with more listeners: plain clients share what an object may send within a minute. */
const samplesFor = (listeners: number, most: number) => Math.min(most, Math.max(5, Math.round(10_000 / listeners)));
const eventsFor = (listeners: number) => Math.min(250, Math.max(20, Math.round(100_000 / listeners)));

/** @param quick Whether to measure fewer rounds of fewer listeners. */
export function curves(pool: TargetPool, quick: boolean): Curve[] {
  const rounds = quick ? 1 : 3;
  const samples = quick ? 20 : 50;
  const listeners = quick ? 1000 : 5000;
  const upTo = (most: number, values: number[]) => values.filter((value) => value <= most);
  const on = (name: TargetName, measure: (target: Target, x: number) => Promise<Measure>): Series => ({
    title: TARGETS[name].title,
    async prepare(x) {
      const target = await pool.get(name);
      return target && measure(target, x);
    },
  });
  const onShards = (title: string, measure: (target: Target) => Promise<Measure>): Series => ({
    title,
    async prepare(shards) {
      const vars = { PRODUCTS_SHARDS: String(shards) };
      const target = await startProductsTarget({ filter: "none", vars });
      const { round, close } = await measure(target);
      return { round, close: () => close().finally(() => target.stop()) };
    },
  });
  const x = { title: "listeners", values: upTo(listeners, LISTENERS) };
  const shards = { title: `shards, ${listeners.toLocaleString("en")} listeners`, values: SHARDS };
  const many = manySockets();

  return [
    {
      name: "listeners",
      title: "Publish → frame at the last listener, p50",
      unit: "ms",
      x,
      rounds,
      series: SENDERS.map((name) =>
        on(name, (target, sockets) => measureLatency(target, { sockets, samples: samplesFor(sockets, samples) })),
      ),
    },
    {
      name: "throughput",
      title: "Deliveries in a burst, each target in its fastest way",
      unit: "deliveries/s",
      x,
      rounds,
      series: SENDERS.map((name) =>
        on(name, (target, sockets) => measureBurst(target, { sockets, events: eventsFor(sockets) })),
      ),
    },
    {
      name: "shards",
      title: "Products: first event after quiet → last listener, p50",
      unit: "ms",
      x: shards,
      rounds,
      series: [
        onShards("Tidings", (target) => measureLatency(target, { sockets: listeners, samples: 5, pauseMs: QUIET_MS })),
        onShards("Tidings, tidings.v1", (target) =>
          measureLatency(target, { sockets: listeners, samples: 5, isFast: true, pauseMs: QUIET_MS }),
        ),
      ],
    },
    {
      name: "shards-throughput",
      title: "Products: deliveries in a burst",
      unit: "deliveries/s",
      x: shards,
      rounds,
      series: [onShards("Tidings, tidings.v1", (target) => measureBurst(target, { sockets: listeners, events: 250 }))],
    },
    {
      name: "filters",
      title: "Publish of a product that no listener's filter names, p50",
      unit: "ms",
      x: { title: "listeners with a filter", values: upTo(quick ? 1000 : many, [10, 100, 1000, many]) },
      rounds,
      series: [
        {
          ...on("filtered", (target, count) => measureUnwanted(target, { listeners: count, samples })),
          title: "Tidings",
        },
      ],
    },
    {
      name: "history",
      title: "Products with a history, p50",
      unit: "ms",
      x: { title: "events of history", values: upTo(quick ? 10_000 : 100_000, HISTORY) },
      rounds,
      series: [
        { title: "publish → frame", prepare: (history) => measureWithHistory({ history, samples }) },
        { title: "first publish after a wake", prepare: (history) => measureWake({ history, samples: 2 }) },
        { title: "resume of one event", prepare: (history) => measureResumeInHistory({ history, samples: 10 }) },
      ],
    },
  ];
}
