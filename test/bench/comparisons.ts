import { TIDINGS_V1 } from "./client/dialects.ts";
import { manySockets } from "./limits.ts";
import { measureConnections, measurePublishes, measureUnwanted } from "./measures/calls.ts";
import { measureBurst, measureFanOut, measureLatency } from "./measures/deliveries.ts";
import { measureMemory } from "./measures/memory.ts";
import { measureResume } from "./measures/resume.ts";
import type { Measure } from "./measures/timed.ts";
import type { Budget } from "./report/statistics.ts";
import type { Target } from "./targets/target.ts";
import { TARGETS, type TargetName, type TargetPool } from "./targets/targets.ts";

/** What is compared with which peers, and the budgets. Tests and `check:bundle` check the budgets for rows and sizes. */

/** Takes a turn in each round. */
export interface Contestant {
  title: string;
  /** Returns null when a program that it needs is not installed. */
  prepare(): Promise<Measure | null>;
}

export interface Comparison {
  name: string;
  title: string;
  unit: string;
  rounds: number;
  /** Whether the first round is not counted, because it lets the JIT compiler warm up. */
  warmsUp: boolean;
  subject: Contestant;
  /** Budgets are null for figures without one. */
  peers: (Contestant & { budget: Budget | null })[];
}

/** @param quick Whether to measure fewer and shorter rounds. */
export function comparisons(pool: TargetPool, quick: boolean): Comparison[] {
  const on = (name: TargetName, measure: (target: Target) => Promise<Measure>): Contestant => ({
    title: TARGETS[name].title,
    async prepare() {
      const target = await pool.get(name);
      return target && measure(target);
    },
  });
  /** Every contestant does the same. */
  const comparison = (
    head: Pick<Comparison, "name" | "title" | "unit" | "rounds">,
    measure: (target: Target) => Promise<Measure>,
    peers: Partial<Record<TargetName, Budget | null>>,
    subject: TargetName = "tidings",
  ): Comparison => ({
    ...head,
    warmsUp: true,
    subject: on(subject, measure),
    // The object has the keys of its type, and no others.
    peers: (Object.entries(peers) as [TargetName, Budget | null][]).map(([name, budget]) => ({
      ...on(name, measure),
      budget,
    })),
  });

  const latency = (target: Target) => measureLatency(target, { sockets: 1, samples: quick ? 40 : 50 });
  const unwanted = (listeners: number): Contestant => ({
    ...on("filtered", (target) => measureUnwanted(target, { listeners, samples: quick ? 40 : 100 })),
    title: `${listeners.toLocaleString("en")} listeners`,
  });
  const resume = (target: Target) => measureResume(target, { events: RESUMED, samples: quick ? 5 : 10 });
  const memory = (name: TargetName): Contestant => ({
    title: TARGETS[name].title,
    prepare: async () => measureMemory(TARGETS[name].start, { sockets: quick ? 1000 : IDLE }),
  });

  return [
    comparison(
      {
        name: "fan-out",
        title: "Fan-out, one frame per message, 1,000 sockets",
        unit: "deliveries/s",
        rounds: quick ? 3 : 9,
      },
      // All rounds together stay below the bytes that an object sends to plain clients within a minute.
      (target) => measureFanOut(target, { sockets: 1000, events: 20 }),
      { bare: { atLeast: 1.1 }, party: null, node: null, socketIo: null },
    ),
    comparison(
      {
        name: "burst",
        title: "Fan-out in a burst, 1,000 sockets, each target in its fastest way (Tidings: batches, `tidings.v1`)",
        unit: "deliveries/s",
        rounds: quick ? 3 : 7,
      },
      (target) => measureBurst(target, { sockets: 1000, events: quick ? 50 : 250 }),
      { bare: { atLeast: 40 }, party: null, node: { atLeast: 12 }, socketIo: null },
    ),
    comparison(
      { name: "latency", title: "Publish → frame, one listener, p50", unit: "ms", rounds: quick ? 5 : 15 },
      latency,
      { storing: { atMost: 1.15 }, bare: null, party: null, node: null, socketIo: null },
    ),
    comparison(
      {
        name: "publishes",
        title: "Publishes with full checks, 32 at a time",
        unit: "publishes/s",
        rounds: quick ? 3 : 9,
      },
      (target) => measurePublishes(target, { events: quick ? 300 : 1000 }),
      { hono: { atLeast: 0.8 } },
    ),
    comparison(
      {
        name: "connections",
        title: "Connections with full checks, 32 at a time",
        unit: "connections/s",
        rounds: quick ? 3 : 9,
      },
      (target) => measureConnections(target, { connections: quick ? 300 : 1000 }),
      { bare: { atLeast: 0.8 }, party: null, node: null, socketIo: null },
    ),
    {
      name: "unwanted",
      title: "Publish of a product that no listener's filter names, p50",
      unit: "ms",
      rounds: quick ? 3 : 9,
      warmsUp: true,
      subject: unwanted(manySockets()),
      peers: [{ ...unwanted(10), budget: { atMost: 1.2 } }],
    },
    comparison(
      { name: "stream", title: "`XADD` and doorbell → frame, one listener, p50", unit: "ms", rounds: quick ? 5 : 9 },
      latency,
      { tidings: { atMost: 2 } },
      "stream",
    ),
    {
      name: "resume",
      title: "Resume of 1,000 events, one client, from its handshake to the last event, p50",
      unit: "ms",
      rounds: quick ? 2 : 5,
      warmsUp: true,
      subject: {
        ...on("tidings", (target) =>
          measureResume(target, { events: RESUMED, samples: quick ? 5 : 10, dialect: TIDINGS_V1 }),
        ),
        title: "Tidings, tidings.v1",
      },
      peers: [
        { ...on("tidings", resume), title: "Tidings, plain", budget: null },
        { ...on("socketIo", resume), budget: null },
      ],
    },
    {
      name: "memory",
      title: "Memory per idle socket, growth of the server's resident set",
      unit: "KB",
      rounds: quick ? 1 : 2,
      warmsUp: false,
      subject: memory("tidings"),
      peers: (["bare", "party", "node", "socketIo"] as const).map((name) => ({ ...memory(name), budget: null })),
    },
  ];
}

/** Events that a reconnecting client missed. */
const RESUMED = 1000;
/** Idle sockets whose memory is measured. */
const IDLE = 5000;
