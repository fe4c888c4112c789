import {
  type Measure,
  measureBurst,
  measureConnections,
  measureFanOut,
  measureLatency,
  measurePublishes,
  measureUnwanted,
} from "./measures.ts";
import { TARGETS, type Target, type TargetName } from "./targets.ts";

/** What is measured, with which peers, and the budgets. */

/** The runtime has two file descriptors for each socket, and many systems allow a process 20,000. */
const MANY_LISTENERS = 9000;

/** A bound for the measured median ÷ the peer's. */
export type Budget = { atLeast: number } | { atMost: number };

/** What takes a turn in each round. */
export interface Contestant {
  title: string;
  target: TargetName;
  prepare(target: Target): Promise<Measure>;
}

interface Peer extends Contestant {
  /** Null for a figure without a budget. */
  budget: Budget | null;
}

export interface Benchmark {
  name: string;
  title: string;
  unit: string;
  rounds: number;
  subject: Contestant;
  peers: Peer[];
}

/** A benchmark in which every contestant does the same. */
function comparison(
  head: Pick<Benchmark, "name" | "title" | "unit" | "rounds">,
  prepare: Contestant["prepare"],
  peers: Partial<Record<TargetName, Budget | null>>,
  subject: TargetName = "tidings",
): Benchmark {
  const contestant = (target: TargetName) => ({ title: TARGETS[target].title, target, prepare });
  // The object has the keys of its type, and no others.
  const entries = Object.entries(peers) as [TargetName, Budget | null][];
  return {
    ...head,
    subject: contestant(subject),
    peers: entries.map(([name, budget]) => ({ ...contestant(name), budget })),
  };
}

/**
 * The measurements with their budgets. Tests and `check:bundle` check the budgets for rows and sizes.
 * @param quick Whether to measure fewer and shorter rounds.
 */
export function benchmarks(quick: boolean): Benchmark[] {
  const latency = (target: Target) => measureLatency(target, { samples: quick ? 40 : 50 });
  const unwanted = (listeners: number): Contestant => ({
    title: `${listeners.toLocaleString("en")} listeners`,
    target: "products",
    prepare: (target) => measureUnwanted(target, { listeners, samples: quick ? 40 : 100 }),
  });

  return [
    comparison(
      {
        name: "fan-out",
        title: "fan-out, one frame per message, 1,000 sockets",
        unit: "deliveries/s",
        rounds: quick ? 3 : 9,
      },
      // All rounds together stay below the bytes that an object sends to plain clients within a minute.
      (target) => measureFanOut(target, { sockets: 1000, events: 20 }),
      { bare: { atLeast: 1.1 }, node: null },
    ),
    comparison(
      {
        name: "burst",
        title: "fan-out in a burst, 1,000 sockets (tidings: batches, `tidings.v1`)",
        unit: "deliveries/s",
        rounds: quick ? 3 : 7,
      },
      (target) => measureBurst(target, { sockets: 1000, events: quick ? 50 : 250 }),
      { bare: { atLeast: 40 }, node: { atLeast: 12 } },
    ),
    comparison(
      { name: "latency", title: "publish → frame, one listener, p50", unit: "ms", rounds: quick ? 5 : 15 },
      latency,
      { storing: { atMost: 1.15 }, bare: null, node: null },
    ),
    comparison(
      {
        name: "publishes",
        title: "publishes with full checks, 32 at a time",
        unit: "publishes/s",
        rounds: quick ? 3 : 9,
      },
      (target) => measurePublishes(target, { events: quick ? 300 : 1000 }),
      { hono: { atLeast: 0.8 } },
    ),
    comparison(
      {
        name: "connections",
        title: "connections with full checks, 32 at a time",
        unit: "connections/s",
        rounds: quick ? 3 : 9,
      },
      (target) => measureConnections(target, { connections: quick ? 300 : 1000 }),
      { bare: { atLeast: 0.8 } },
    ),
    {
      name: "unwanted",
      title: "publish of a product that no listener's filter names, p50",
      unit: "ms",
      rounds: quick ? 3 : 9,
      subject: unwanted(MANY_LISTENERS),
      peers: [{ ...unwanted(10), budget: { atMost: 1.2 } }],
    },
    comparison(
      {
        name: "stream",
        title: "XADD and doorbell → frame, one listener, p50",
        unit: "ms",
        rounds: quick ? 5 : 9,
      },
      latency,
      { tidings: { atMost: 2 } },
      "stream",
    ),
  ];
}
